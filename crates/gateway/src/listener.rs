//! The listening socket.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::error::GatewayError;
use crate::port_owner::PortOwner;

/// Listening socket; connections wait in its backlog until [`crate::serve`] accepts them.
#[derive(Debug)]
pub struct Listener {
    pub(crate) socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Local address, with the actual port if 0 was given.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Listens on `address`; port 0 is any free port.
///
/// # Errors
/// [`GatewayError::PortInUse`] or [`GatewayError::Bind`].
pub async fn bind(address: SocketAddr) -> Result<Listener, GatewayError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => {
            GatewayError::PortInUse { address, owner: PortOwner::of(address) }
        }
        _ => GatewayError::Bind { address, source },
    };
    let socket = TcpListener::bind(address).await.map_err(failed)?;
    let address = socket.local_addr().map_err(failed)?;
    Ok(Listener { socket, address })
}
