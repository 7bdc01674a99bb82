//! The form of an answer, enforced token by token.
//!
//! Owns: the grammars of one model's vocabulary, the state of each constrained answer, and the
//! thread that computes which tokens may come next.
//!
//! Invariants: an answer that ends by itself is a whole sentence of its grammar; the end of turn is
//! allowed exactly where one may end, and is all that is allowed where one must. A grammar that
//! cannot go on fails its own request, nobody else's.
//!
//! Does not do: choosing among the allowed tokens (that is `sampling`), or reading wire formats.

mod calls;
mod grammars;
mod worker;

use std::sync::mpsc;

use harmonic_sched::Token;

use crate::sampling::Mask;
pub use calls::CallForm;
pub use grammars::{FormatError, Grammars};
use worker::{Position, Task};

/// The state of one constrained answer. While the model computes the next logits, the worker
/// computes the next mask.
pub struct Constraint {
    tasks: mpsc::Sender<Task>,
    /// The position that the worker was asked for last.
    next: mpsc::Receiver<Position>,
    /// The position that the next token is for, once it was waited for.
    here: Option<Position>,
}

impl std::fmt::Debug for Constraint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Constraint").finish_non_exhaustive()
    }
}

impl Constraint {
    /// The tokens that may come next. Waits for the worker where it is not there yet.
    ///
    /// # Errors
    /// Why the grammar cannot go on, for the client.
    pub(crate) fn allowed(&mut self) -> Result<&Mask, String> {
        let here = match self.here.take() {
            Some(here) => here,
            None => self.next.recv().map_err(|_| "the thread that computes it has ended")?,
        };
        self.here.insert(here).allowed.as_ref().map_err(String::clone)
    }

    /// Goes on with `token`, one of those that [`Self::allowed`] gave.
    pub(crate) fn take(&mut self, token: Token) {
        let Some(Position { matcher, .. }) = self.here.take() else { return };
        // If the worker is gone, the next wait says so.
        self.next = worker::ask(&self.tasks, matcher, Some(token));
    }
}

#[cfg(test)]
mod tests;
