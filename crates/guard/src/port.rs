//! Free ports.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

/// A port of 127.0.0.1 that was free a moment ago. Another process may take it meanwhile: a caller
/// whose child says that its port is taken tries again with another.
///
/// # Errors
/// When the system has no port.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_can_be_bound() {
        // Other processes take ports, too.
        let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, free_port().unwrap()));
        assert!((0..20).any(|_| bind().is_ok()));
    }
}
