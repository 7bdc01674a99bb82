//! The clients' side of the books.

use std::cell::Cell;

use crate::answer::Answer;
use crate::team::QUEUE;

/// What the clients have seen. They share one thread.
#[derive(Debug, Default)]
pub struct Tally {
    /// Requests sent.
    pub sent: Cell<u64>,
    /// Answers that ran to their end.
    pub whole: Cell<u64>,
    /// Their tokens.
    pub tokens: Cell<u64>,
    /// 429.
    pub refused: Cell<u64>,
    /// 429 of a queue that was not full.
    pub early: Cell<u64>,
}

impl Tally {
    /// A request is sent.
    pub fn sends(&self) {
        add(&self.sent, 1);
    }

    /// A request was answered.
    pub fn takes(&self, answer: Answer) {
        match answer {
            Answer::Whole { tokens } => {
                add(&self.whole, 1);
                add(&self.tokens, tokens);
            }
            Answer::Refused { waiting, .. } => {
                add(&self.refused, 1);
                add(&self.early, u64::from(waiting < QUEUE));
            }
        }
    }
}

fn add(sum: &Cell<u64>, more: u64) {
    sum.set(sum.get() + more);
}
