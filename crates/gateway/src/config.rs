//! Limits of the server.

use std::time::Duration;

/// Pulls at a time over all clients: each uses the disk, the network and a core for hashing.
pub const MAX_PULLS: usize = 2;

/// Limits of the server. `Default` has those of `harmonic up`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Largest body of a request, as received and decompressed, in bytes.
    pub body_limit: usize,
    /// Memory for bodies over all connections, in bytes. Bodies of up to 64 KiB do not count: the
    /// limit of connections bounds them.
    pub body_memory: usize,
    /// Time that a body may wait for memory.
    pub body_memory_timeout: Duration,
    /// Time to receive a body.
    pub body_timeout: Duration,
    /// Time to receive the next eighth of a body above 64 KiB, so that a stalled client releases
    /// its memory.
    pub body_stall_timeout: Duration,
    /// Time to receive the head of a request; an idle connection is closed after it.
    pub head_timeout: Duration,
    /// Largest head of a request, in bytes; at least 8,192.
    pub head_limit: usize,
    /// Connections at once. A further one replaces an idle one, or is refused.
    pub connections: usize,
    /// Connections of one peer: an IPv4 address, or a /64 network of IPv6.
    pub connections_per_peer: usize,
    /// Time that a request may wait for a slot.
    pub queue_timeout: Duration,
    /// Time that a client may not read its answer; then its connection is closed and its request
    /// cancelled.
    pub write_timeout: Duration,
    /// Keep-alive interval of a stream without events, at least 1 ms: proxies close idle
    /// connections, usually after a minute.
    pub ping: Duration,
    /// Grace period of running answers at a stop.
    pub grace: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            body_limit: 16 * 1024 * 1024,
            body_memory: 256 * 1024 * 1024,
            body_memory_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            body_stall_timeout: Duration::from_secs(5),
            head_timeout: Duration::from_secs(30),
            head_limit: 64 * 1024,
            connections: 8192,
            connections_per_peer: 6144,
            queue_timeout: Duration::from_mins(10),
            write_timeout: Duration::from_mins(1),
            ping: Duration::from_secs(15),
            grace: Duration::from_secs(30),
        }
    }
}
