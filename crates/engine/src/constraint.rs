//! Constrained decoding: the form of an answer, enforced token by token.
//!
//! A *form* is a JSON Schema, grammar, regular expression or tool call that an answer must match.
//!
//! Owns: the limits of forms, the grammars over one model's vocabulary, the state of each
//! constrained answer, the threads that compile forms, and those that compute token masks.
//!
//! Invariants: an answer that ends by itself is a complete sentence of its grammar; the end of turn
//! is allowed exactly where a sentence may end, and is the only allowed token where it must. A form
//! is measured before it is compiled, compiled on a thread of its own, and unless it is small tried
//! in a process of its own first. A grammar that fails fails only its own request.
//!
//! Does not do: choosing among the allowed tokens (`sampling`, which builds on this), or parsing
//! wire formats.

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

pub use bounds::SizeError;
pub use calls::{CallForm, Series};
pub use compiler::{CompileError, Compiler};
pub use form::{Form, FormatError};
pub use grammars::Grammars;
pub use mask::Mask;
pub(crate) use mask_pool::Wake;
use mask_pool::{MaskPool, PendingMask, Position};
pub use trial::{FormTrial, run_trial};

/// State of one constrained answer. A pool thread computes the next mask while the model computes
/// the next logits.
pub struct Constraint {
    pool: Arc<MaskPool>,
    /// Position under computation.
    pending: Arc<PendingMask>,
    /// Position of the next token, once available.
    current: Option<Position>,
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
        let current = Position { matcher: Box::new(matcher), allowed: Ok(first), slow: false };
        Self { pool, pending: Arc::default(), current: Some(current), cancellation }
    }

    /// Whether the mask for the next token is ready; if not, `wake` is called once it is.
    pub(crate) fn is_ready(&mut self, wake: Option<&Wake>) -> bool {
        if self.current.is_none() {
            self.current = self.pending.take_or(wake);
        }
        self.current.is_some()
    }

    /// Tokens allowed next. Waits until the mask is ready.
    ///
    /// # Errors
    /// Why the grammar cannot continue, for the client.
    pub(crate) fn allowed(&mut self) -> Result<&Mask, String> {
        let current = self.current.take().unwrap_or_else(|| self.pending.wait());
        self.current.insert(current).allowed.as_ref().map_err(String::clone)
    }

    /// Advances by `token`, one of [`Self::allowed`].
    pub(crate) fn advance(&mut self, token: Token) {
        if let Some(current) = self.current.take() {
            self.pending = self.pool.submit(current, token);
        }
    }
}

impl Drop for Constraint {
    /// Cancels a computation under way.
    fn drop(&mut self) {
        if let Some(cancellation) = &self.cancellation {
            cancellation.cancel();
        }
    }
}

#[cfg(test)]
mod tests;
