//! Whether the work on a request is still wanted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A flag that ends the rendering and tokenising of one request at its next step. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Halt(Arc<AtomicBool>);

/// The work was given up because nobody wants it any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request was given up before it was read")]
pub struct Halted;

impl Halt {
    /// Nobody wants the work any more.
    pub fn halt(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether [`Self::halt`] was called.
    pub fn is_halted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// # Errors
    /// [`Halted`] when the work is not wanted any more.
    pub fn check(&self) -> Result<(), Halted> {
        if self.is_halted() { Err(Halted) } else { Ok(()) }
    }
}
