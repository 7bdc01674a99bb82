//! Errors of the server as a whole; those of a request are in `api_error`.

use std::net::SocketAddr;

use harmonic_types::AgentName;

use crate::port_owner::PortOwner;

/// Error of starting or running the server.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// Another process listens on the address.
    #[error(
        "cannot listen on {address}: {owner} uses the port; stop it, or choose another with \
         --port"
    )]
    PortInUse {
        /// Address to listen on.
        address: SocketAddr,
        /// Process that listens there.
        owner: PortOwner,
    },
    /// The address cannot be bound.
    #[error("cannot listen on {address}: expected an address of this machine and a permitted port")]
    Bind {
        /// Address to listen on.
        address: SocketAddr,
        /// Error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// The listening socket stopped working.
    #[error("the listening socket no longer accepts connections: start the server again")]
    Accept(#[source] std::io::Error),
    /// The threads that read bodies cannot be started.
    #[error("cannot start the threads that read request bodies")]
    Threads(#[source] std::io::Error),
    /// An invalid origin.
    #[error(
        "invalid origin `{0}`: expected the form that browsers send, such as https://chat.example, or * \
         for any"
    )]
    InvalidOrigin(String),
    /// Two agents with the same name.
    #[error("duplicate agent name `{0}`: expected unique names")]
    DuplicateAgent(AgentName),
    /// An agent name that is not valid in a header.
    #[error("invalid agent name {0:?}: expected no control characters")]
    UnprintableAgent(String),
}
