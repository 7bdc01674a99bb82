//! Seams of a comparison: the server that measures a plan, and the receiver of its progress.

use harmonic_models::Progress;
use harmonic_types::{Plan, TuneAxis, TuneCandidate};

/// A candidate's turn in a round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Turn<'a> {
    /// What is varied.
    pub axis: TuneAxis,
    /// The settings.
    pub candidate: &'a TuneCandidate,
    /// Which round, from 1.
    pub round: u32,
    /// Of how many.
    pub rounds: u32,
    /// Sequences in flight.
    pub parallel: u32,
}

/// One event of a comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TuneEvent<'a> {
    /// A candidate is being measured.
    Measuring(Turn<'a>),
    /// It gave so many output tokens per second.
    Measured(Turn<'a>, f64),
    /// It does not run, and has no further turn.
    Failed(Turn<'a>, &'a str),
    /// A conversion that is not kept could not be removed from the store.
    NotRemoved {
        /// Its name in the store.
        name: &'a str,
        /// Why.
        reason: &'a str,
    },
}

/// Receiver of events, and of the progress of conversions.
pub trait TuneObserver: Progress {
    /// Takes one event; returns at once.
    fn event(&self, event: TuneEvent<'_>);
}

/// A trial without a figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrialError {
    /// The user stopped it.
    Stopped,
    /// The plan does not run, or nothing was answered; with the reason.
    Failed(String),
}

/// Starts plans and measures them.
pub trait Trials {
    /// Starts `plan`, asks it with `parallel` requests in flight and ends it. Output tokens per
    /// second; `seed` chooses the prompts.
    ///
    /// # Errors
    /// [`TrialError`].
    fn measure(
        &self,
        plan: Plan,
        parallel: u32,
        seed: u64,
    ) -> impl Future<Output = Result<f64, TrialError>>;
}
