//! The listening socket.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::error::GatewayError;
use crate::port_owner::PortOwner;

/// A socket that listens; connections wait in it until [`crate::serve`] takes them.
#[derive(Debug)]
pub struct Listener {
    pub(crate) socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Where it listens: the port is the real one where 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Listens on `address`; port 0 is any free one.
///
/// # Errors
/// [`GatewayError::PortInUse`] says who has the port.
pub async fn bind(address: SocketAddr) -> Result<Listener, GatewayError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => {
            GatewayError::PortInUse { address, holder: PortOwner::of(address) }
        }
        _ => GatewayError::Bind { address, source },
    };
    let socket = TcpListener::bind(address).await.map_err(failed)?;
    let address = socket.local_addr().map_err(failed)?;
    Ok(Listener { socket, address })
}
