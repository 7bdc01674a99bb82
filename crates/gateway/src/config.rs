//! The server's limits.

use std::time::Duration;

/// Most pulls at a time, whosever they are: each takes a disk, a network and a core for hashing.
pub const MAX_PULLS: usize = 2;

/// The server's limits. `Default` is what `harmonic up` uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Largest body of a request, in bytes, and largest that a compressed one may become.
    pub body_limit: usize,
    /// Most bytes of bodies in memory at once, over all connections. Bodies of 64 KiB or less do not
    /// count: connections bound them.
    pub body_memory: usize,
    /// How long a body may wait for memory.
    pub body_wait: Duration,
    /// How long a client may take to send a body.
    pub body_timeout: Duration,
    /// How long the next eighth of a body above 64 KiB may take: who holds memory keeps sending.
    pub body_pace: Duration,
    /// How long a client may take to send the head of a request; a connection that is idle for as
    /// long is closed.
    pub head_timeout: Duration,
    /// Largest head of a request, in bytes; below 8,192 it is 8,192.
    pub head_limit: usize,
    /// Most connections at once. One more takes the place of one that is idle, or is refused.
    pub connections: usize,
    /// Most connections of one peer: an address, or a network of 64 bits of IPv6.
    pub connections_per_peer: usize,
    /// How long a request may wait for a slot.
    pub queue_timeout: Duration,
    /// How long a client may leave unread what waits for it; then its connection is closed, and its
    /// request cancelled.
    pub write_timeout: Duration,
    /// How often a stream that is silent shows that it lives: proxies close connections that are
    /// idle, after a minute as a rule. Below 1 ms it is 1 ms.
    pub ping: Duration,
    /// How long running answers may go on once the server is told to stop.
    pub grace: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            body_limit: 16 * 1024 * 1024,
            body_memory: 256 * 1024 * 1024,
            body_wait: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            body_pace: Duration::from_secs(5),
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
