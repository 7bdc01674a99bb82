//! Which connections are open, and which of them make room when there is none left.
//!
//! Invariants: never more than the limit are open, and of one peer never more than its share; a
//! connection whose request is being served is never closed for another, one that has sent no whole
//! request yet, or waits for the next, is: the oldest first.
//!
//! A peer is an address, or a network of 64 bits of IPv6, of which one machine has as many
//! addresses as it likes.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::{AbortHandle, Id};

/// Whether a connection has a request that is being served.
#[derive(Clone, Debug, Default)]
pub(crate) struct Served(Arc<AtomicBool>);

impl Served {
    /// A whole request has come.
    pub(crate) fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// It has been answered.
    pub(crate) fn end(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// Whether it is.
    pub(crate) fn is_so(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The connections that are open.
#[derive(Debug)]
pub(crate) struct Connections {
    limit: usize,
    share: usize,
    next: u64,
    /// In the order in which they came.
    open: BTreeMap<u64, Open>,
    numbers: HashMap<Id, u64>,
    of_peer: HashMap<IpAddr, usize>,
}

#[derive(Debug)]
struct Open {
    peer: IpAddr,
    served: Served,
    close: AbortHandle,
}

/// Who came too much: no place could be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoPlace;

impl Connections {
    /// None yet: at most `limit` of them, and `share` of one peer.
    pub(crate) fn new(limit: usize, share: usize) -> Self {
        Self {
            limit: limit.max(1),
            share: share.max(1),
            next: 0,
            open: BTreeMap::new(),
            numbers: HashMap::new(),
            of_peer: HashMap::new(),
        }
    }

    /// How many are open.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// Makes a place for one from `address`, where another has to be closed for it.
    ///
    /// # Errors
    /// When all that could make room are being served.
    pub(crate) fn make_place(&mut self, address: IpAddr) -> Result<(), NoPlace> {
        let peer = peer(address);
        let has = self.of_peer.get(&peer).copied().unwrap_or(0);
        if has >= self.share {
            return self.close_one(|open| open.peer == peer);
        }
        if self.open.len() < self.limit {
            return Ok(());
        }
        // Who has most gives one: by number, so that it is always the same.
        let most = self.of_peer.iter().max_by_key(|(peer, count)| (**count, **peer));
        let most = most.map(|(peer, _)| *peer).ok_or(NoPlace)?;
        self.close_one(|open| open.peer == most).or_else(|NoPlace| self.close_one(|_| true))
    }

    /// Notes one from `address`, of the task that `close` ends.
    pub(crate) fn add(&mut self, address: IpAddr, served: Served, close: AbortHandle) {
        let (number, peer) = (self.next, peer(address));
        self.next += 1;
        *self.of_peer.entry(peer).or_default() += 1;
        self.numbers.insert(close.id(), number);
        self.open.insert(number, Open { peer, served, close });
    }

    /// The connection of `task` has ended.
    pub(crate) fn remove(&mut self, task: Id) {
        let number = self.numbers.remove(&task);
        let open = number.and_then(|number| self.open.remove(&number));
        let Some(Open { peer, .. }) = open else { return };
        if let Some(count) = self.of_peer.get_mut(&peer) {
            *count -= 1;
            if *count == 0 {
                self.of_peer.remove(&peer);
            }
        }
    }

    /// Closes the oldest of those that `may` be closed and are not being served.
    fn close_one(&mut self, may: impl Fn(&Open) -> bool) -> Result<(), NoPlace> {
        let mut waiting = self.open.values().filter(|open| !open.served.is_so() && may(open));
        let close = waiting.next().ok_or(NoPlace)?.close.clone();
        close.abort();
        self.remove(close.id());
        Ok(())
    }
}

/// Who is behind a connection; an extension of its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer(pub(crate) IpAddr);

impl Peer {
    /// Of one from `address`.
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(peer(address))
    }
}

/// Who is behind `address`.
fn peer(address: IpAddr) -> IpAddr {
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
