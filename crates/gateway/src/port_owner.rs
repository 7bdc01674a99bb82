//! Who holds a port.
//!
//! On Linux, from `/proc/net/tcp{,6}` (the socket's inode) and `/proc/*/fd` (who has it open).
//! Elsewhere, and where that may not be read, the holder has no name.

use std::fmt;
use std::net::SocketAddr;

/// Who holds a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortOwner {
    /// A process that could be found.
    Process {
        /// Its id.
        pid: i32,
        /// Its name.
        name: String,
    },
    /// A process that this one may not look at.
    Unknown,
}

impl fmt::Display for PortOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { pid, name } => write!(f, "{name} (process {pid})"),
            Self::Unknown => f.write_str("another process"),
        }
    }
}

impl PortOwner {
    /// Who listens where `address` would.
    pub(crate) fn of(address: SocketAddr) -> Self {
        find(address).unwrap_or(Self::Unknown)
    }
}

#[cfg(target_os = "linux")]
fn find(address: SocketAddr) -> Option<PortOwner> {
    use procfs::net::{TcpNetEntry, TcpState};
    use procfs::process::{FDTarget, Process};

    let collides = |entry: &TcpNetEntry| {
        let held = entry.local_address;
        entry.state == TcpState::Listen
            && held.port() == address.port()
            && (held.ip().to_canonical() == address.ip().to_canonical()
                || held.ip().is_unspecified()
                || address.ip().is_unspecified())
    };
    // One of the tables may be missing: a kernel without IPv6.
    let tables = [procfs::net::tcp(), procfs::net::tcp6()];
    let inode = tables.into_iter().flatten().flatten().find(collides)?.inode;
    let has_it_open = |process: &Process| {
        process.fd().is_ok_and(|descriptors| {
            descriptors
                .flatten()
                .any(|descriptor| matches!(descriptor.target, FDTarget::Socket(n) if n == inode))
        })
    };
    let process = procfs::process::all_processes().ok()?.flatten().find(has_it_open)?;
    let name = process.stat().ok()?.comm;
    Some(PortOwner::Process { pid: process.pid(), name })
}

#[cfg(not(target_os = "linux"))]
fn find(_address: SocketAddr) -> Option<PortOwner> {
    None
}
