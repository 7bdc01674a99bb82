//! Why there is no server. What goes wrong with one request is in `api_error`.

use std::net::SocketAddr;

use harmonic_types::AgentName;

use crate::port_owner::PortOwner;

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// Somebody else listens there.
    #[error(
        "cannot listen on {address}: {holder} uses the port; stop it, or choose another with \
         --port"
    )]
    PortInUse {
        /// What was asked for.
        address: SocketAddr,
        /// Who has it.
        holder: PortOwner,
    },
    /// The system refuses the address.
    #[error(
        "cannot listen on {address}: is it an address of this machine, and a port you may use?"
    )]
    Bind {
        /// What was asked for.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The listening socket stopped working.
    #[error("the listening socket no longer accepts connections: start the server again")]
    Accept(#[source] std::io::Error),
    /// The system refuses threads.
    #[error("no threads for the bodies of requests could be started")]
    Threads(#[source] std::io::Error),
    /// What no browser sends.
    #[error(
        "`{0}` is no origin: write it as a browser sends it, such as https://chat.example, or * for any"
    )]
    Origin(String),
    /// Two agents of one name.
    #[error("agent `{0}` is registered twice: names must be unique")]
    DuplicateAgent(AgentName),
    /// A name that cannot travel in a header.
    #[error("agent {0:?} has control characters in its name: rename it")]
    UnprintableAgent(String),
}
