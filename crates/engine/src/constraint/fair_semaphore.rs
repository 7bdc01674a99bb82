//! Semaphore with a bounded queue that is fair among clients.
//!
//! Invariants: permits rotate round-robin among the waiting clients, so a client delays another by
//! at most one permit per waiting client; cancelled waiters take no permit.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use harmonic_types::ClientName;
use tokio::sync::oneshot;

use super::limits;

/// A semaphore with a fair queue.
#[derive(Debug)]
pub(super) struct FairSemaphore(Arc<Mutex<Queue>>);

#[derive(Debug)]
struct Queue {
    free: usize,
    /// Waiters by client, next client first.
    turns: VecDeque<Turn>,
}

#[derive(Debug)]
struct Turn {
    client: ClientName,
    waiting: VecDeque<oneshot::Sender<Permit>>,
}

/// A permit, released when dropped.
#[derive(Debug)]
pub(super) struct Permit(Arc<Mutex<Queue>>);

/// The queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full {
    /// Number of waiters, of the client or of all.
    pub(super) waiting: usize,
    /// Whether the client's own share is used up.
    pub(super) own: bool,
}

impl FairSemaphore {
    pub(super) fn new(at_once: usize) -> Self {
        Self(Arc::new(Mutex::new(Queue { free: at_once, turns: VecDeque::new() })))
    }

    /// Waits for a permit. Dropping the future cancels.
    pub(super) async fn acquire(&self, client: &ClientName) -> Result<Permit, Full> {
        let turn = {
            let mut queue = lock(&self.0);
            queue.forget_gone();
            if queue.free > 0 {
                queue.free -= 1;
                return Ok(Permit(Arc::clone(&self.0)));
            }
            queue.wait(client)?
        };
        // The sender is dropped only with the queue, which this semaphore holds.
        turn.await.map_err(|_| Full { waiting: 0, own: false })
    }
}

impl Queue {
    fn wait(&mut self, client: &ClientName) -> Result<oneshot::Receiver<Permit>, Full> {
        let all = self.turns.iter().map(|turn| turn.waiting.len()).sum();
        if all >= limits::WAITING {
            return Err(Full { waiting: all, own: false });
        }
        let at = self.turns.iter().position(|turn| turn.client == *client);
        let at = at.unwrap_or_else(|| {
            self.turns.push_back(Turn { client: client.clone(), waiting: VecDeque::new() });
            self.turns.len() - 1
        });
        let waiting = &mut self.turns[at].waiting;
        if waiting.len() >= limits::WAITING_OF_CLIENT {
            return Err(Full { waiting: waiting.len(), own: true });
        }
        let (sender, receiver) = oneshot::channel();
        waiting.push_back(sender);
        Ok(receiver)
    }

    fn forget_gone(&mut self) {
        for turn in &mut self.turns {
            turn.waiting.retain(|waiting| !waiting.is_closed());
        }
        self.turns.retain(|turn| !turn.waiting.is_empty());
    }

    /// Removes the next waiter; its client moves to the end of the rotation.
    fn next(&mut self) -> Option<oneshot::Sender<Permit>> {
        self.forget_gone();
        let mut turn = self.turns.pop_front()?;
        let next = turn.waiting.pop_front();
        if !turn.waiting.is_empty() {
            self.turns.push_back(turn);
        }
        next
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let next = {
            let mut queue = lock(&self.0);
            let next = queue.next();
            if next.is_none() {
                queue.free += 1;
            }
            next
        };
        // A waiter cancelled at this moment drops the permit, which passes it on.
        if let Some(next) = next {
            let _handed_on = next.send(Self(Arc::clone(&self.0)));
        }
    }
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
