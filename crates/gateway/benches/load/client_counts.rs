//! Requests and answers as counted by the clients.

use std::cell::Cell;

use crate::outcome::Outcome;
use crate::team::QUEUE;

/// Counts of all clients, which share one thread.
#[derive(Debug, Default)]
pub struct ClientCounts {
    /// Requests sent.
    pub sent: Cell<u64>,
    /// Complete answers.
    pub completed: Cell<u64>,
    /// Tokens of complete answers.
    pub tokens: Cell<u64>,
    /// Responses with status 429.
    pub rejected: Cell<u64>,
    /// Responses with status 429 while the queue was not full.
    pub premature: Cell<u64>,
}

impl ClientCounts {
    /// Counts a request.
    pub fn add_request(&self) {
        add(&self.sent, 1);
    }

    /// Counts the outcome of a request.
    pub fn add_outcome(&self, outcome: Outcome) {
        match outcome {
            Outcome::Complete { tokens } => {
                add(&self.completed, 1);
                add(&self.tokens, tokens);
            }
            Outcome::Rejected { waiting, .. } => {
                add(&self.rejected, 1);
                add(&self.premature, u64::from(waiting < QUEUE));
            }
        }
    }
}

fn add(sum: &Cell<u64>, more: u64) {
    sum.set(sum.get() + more);
}
