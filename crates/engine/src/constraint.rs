//! The form of an answer, enforced token by token.
//!
//! Owns: the limits of forms, the grammars of one model's vocabulary, the state of each constrained
//! answer, the threads that compile, and those that compute which tokens may come next.
//!
//! Invariants: an answer that ends by itself is a whole sentence of its grammar; the end of turn is
//! allowed exactly where one may end, and is all that is allowed where one must. A form is measured
//! before it is compiled, compiled on a thread that serves nobody else, and before that in a process
//! of its own unless it is small. A grammar that cannot go on fails its own request, nobody else's.
//!
//! Does not do: choosing among the allowed tokens (that is `sampling`, which builds on this), or
//! reading wire formats.

mod bounds;
mod calls;
mod compiler;
mod fair_semaphore;
mod form;
mod grammars;
pub mod limits;
mod mask;
mod mask_pool;
mod numbers;
mod sample_answers;
mod token_table;
mod trial;

use std::sync::Arc;

use harmonic_batching::Token;
use llguidance::{CancellationHandle, Matcher};

pub use bounds::Excess;
pub use calls::{CallForm, Series};
pub use compiler::{CompileError, Compiler};
pub use form::{Form, FormatError};
pub use grammars::Grammars;
pub use mask::Mask;
pub(crate) use mask_pool::Wake;
use mask_pool::{MaskPool, PendingMask, Position};
pub use trial::{FormTrial, run_trial};

/// The state of one constrained answer. While the model computes the next logits, a thread computes
/// the next mask.
pub struct Constraint {
    pool: Arc<MaskPool>,
    /// The position that was asked for last.
    next: Arc<PendingMask>,
    /// The position that the next token is for, once it was there.
    here: Option<Position>,
    cancellation: Option<CancellationHandle>,
}

impl std::fmt::Debug for Constraint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Constraint").finish_non_exhaustive()
    }
}

impl Constraint {
    fn new(pool: Arc<MaskPool>, matcher: Matcher, first: Mask) -> Self {
        let cancellation = matcher.cancellation_handle();
        let here = Position { matcher: Box::new(matcher), allowed: Ok(first), slow: false };
        Self { pool, next: Arc::default(), here: Some(here), cancellation }
    }

    /// Whether the mask for the next token is there; if not, `wake` is called once it is.
    pub(crate) fn is_ready(&mut self, wake: Option<&Wake>) -> bool {
        if self.here.is_none() {
            self.here = self.next.take_or(wake);
        }
        self.here.is_some()
    }

    /// The tokens that may come next. Waits where that is not known yet.
    ///
    /// # Errors
    /// Why the grammar cannot go on, for the client.
    pub(crate) fn allowed(&mut self) -> Result<&Mask, String> {
        let here = self.here.take().unwrap_or_else(|| self.next.wait());
        self.here.insert(here).allowed.as_ref().map_err(String::clone)
    }

    /// Goes on with `token`, one of those that [`Self::allowed`] gave.
    pub(crate) fn take(&mut self, token: Token) {
        if let Some(here) = self.here.take() {
            self.next = self.pool.ask(here, token);
        }
    }
}

impl Drop for Constraint {
    /// What is under way for it ends at its next step.
    fn drop(&mut self) {
        if let Some(cancellation) = &self.cancellation {
            cancellation.cancel();
        }
    }
}

#[cfg(test)]
mod tests;
