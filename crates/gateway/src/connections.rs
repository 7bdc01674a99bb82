//! Open connections and their limits, in total and of each peer.
//!
//! Invariants: the limits hold; at a limit the oldest idle connection, one without a complete
//! request to serve, is closed for the new one; a connection whose request is being served is never
//! closed.
//!
//! A peer is an IPv4 address or a /64 network of IPv6, in which one machine can use any address.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::{AbortHandle, Id};

/// Whether a request of the connection is being served.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestActivity(Arc<AtomicBool>);

impl RequestActivity {
    /// A complete request was received.
    pub(crate) fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// The request was answered.
    pub(crate) fn end(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// Whether a request is being served.
    pub(crate) fn is_active(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The open connections.
#[derive(Debug)]
pub(crate) struct Connections {
    limit: usize,
    peer_limit: usize,
    next_number: u64,
    /// By number, in the order of arrival.
    open: BTreeMap<u64, OpenConnection>,
    number_of_task: HashMap<Id, u64>,
    count_of_peer: HashMap<IpAddr, usize>,
}

#[derive(Debug)]
struct OpenConnection {
    peer: IpAddr,
    activity: RequestActivity,
    close: AbortHandle,
}

/// A limit is reached, and no connection is idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooManyConnections;

impl Connections {
    /// No connection yet, with a `limit` in total and a `peer_limit` for each peer.
    pub(crate) fn new(limit: usize, peer_limit: usize) -> Self {
        Self {
            limit: limit.max(1),
            peer_limit: peer_limit.max(1),
            next_number: 0,
            open: BTreeMap::new(),
            number_of_task: HashMap::new(),
            count_of_peer: HashMap::new(),
        }
    }

    /// Number of open connections.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// Makes room for a connection from `address`, closing an idle one where a limit is reached.
    ///
    /// # Errors
    /// When all connections that could be closed are being served.
    pub(crate) fn make_room(&mut self, address: IpAddr) -> Result<(), TooManyConnections> {
        let peer = peer_of(address);
        let count = self.count_of_peer.get(&peer).copied().unwrap_or(0);
        if count >= self.peer_limit {
            return self.close_oldest_idle(|open| open.peer == peer);
        }
        if self.open.len() < self.limit {
            return Ok(());
        }
        // The peer with the most connections first; of equals by address, for a stable choice.
        let most = self.count_of_peer.iter().max_by_key(|(peer, count)| (**count, **peer));
        let most = most.map(|(peer, _)| *peer).ok_or(TooManyConnections)?;
        self.close_oldest_idle(|open| open.peer == most)
            .or_else(|TooManyConnections| self.close_oldest_idle(|_| true))
    }

    /// Adds a connection from `address`, whose task `close` aborts.
    pub(crate) fn add(&mut self, address: IpAddr, activity: RequestActivity, close: AbortHandle) {
        let (number, peer) = (self.next_number, peer_of(address));
        self.next_number += 1;
        *self.count_of_peer.entry(peer).or_default() += 1;
        self.number_of_task.insert(close.id(), number);
        self.open.insert(number, OpenConnection { peer, activity, close });
    }

    /// Removes the connection of `task`, which has ended.
    pub(crate) fn remove(&mut self, task: Id) {
        let number = self.number_of_task.remove(&task);
        let open = number.and_then(|number| self.open.remove(&number));
        let Some(OpenConnection { peer, .. }) = open else { return };
        if let Some(count) = self.count_of_peer.get_mut(&peer) {
            *count -= 1;
            if *count == 0 {
                self.count_of_peer.remove(&peer);
            }
        }
    }

    /// Closes the oldest idle connection that `matches`.
    fn close_oldest_idle(
        &mut self,
        matches: impl Fn(&OpenConnection) -> bool,
    ) -> Result<(), TooManyConnections> {
        let mut idle =
            self.open.values().filter(|open| !open.activity.is_active() && matches(open));
        let close = idle.next().ok_or(TooManyConnections)?.close.clone();
        close.abort();
        self.remove(close.id());
        Ok(())
    }
}

/// Peer of a connection; an extension of its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer(pub(crate) IpAddr);

impl Peer {
    /// Peer of a connection from `address`.
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(peer_of(address))
    }
}

/// The address, or the /64 network of an IPv6 address.
fn peer_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests;
