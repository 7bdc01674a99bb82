//! Process that listens on a port.
//!
//! On Linux, from `/proc/net/tcp{,6}` (the socket's inode) and `/proc/*/fd` (the process that has
//! it open). Elsewhere, and without permission to read these, the owner is unknown.

use std::fmt;
use std::net::SocketAddr;

/// Process that listens on a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortOwner {
    /// A known process.
    Process {
        /// Process number.
        pid: i32,
        /// Name of the command.
        name: String,
    },
    /// A process that cannot be identified.
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
    /// Owner of the socket that listens at `address`, or conflicts with it.
    pub fn of(address: SocketAddr) -> Self {
        find(address).unwrap_or(Self::Unknown)
    }
}

#[cfg(target_os = "linux")]
fn find(address: SocketAddr) -> Option<PortOwner> {
    use procfs::net::{TcpNetEntry, TcpState};
    use procfs::process::{FDTarget, Process};

    let collides = |entry: &TcpNetEntry| {
        let other = entry.local_address;
        entry.state == TcpState::Listen
            && other.port() == address.port()
            && (other.ip().to_canonical() == address.ip().to_canonical()
                || other.ip().is_unspecified()
                || address.ip().is_unspecified())
    };
    // One of the tables is missing in a kernel without IPv6.
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
