//! Traits of a comparison: the measurement of a plan, and the receiver of progress.

use harmonic_models::Progress;
use harmonic_types::{Plan, TuneAxis, TuneCandidate};

/// A candidate's turn in a round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Turn<'a> {
    /// Setting that is varied.
    pub axis: TuneAxis,
    /// The candidate.
    pub candidate: &'a TuneCandidate,
    /// Number of the round, from 1.
    pub round: u32,
    /// Total number of rounds.
    pub rounds: u32,
    /// Sequences in flight.
    pub parallel: u32,
}

/// Event of a comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TuneEvent<'a> {
    /// The measurement of a candidate starts.
    Measuring(Turn<'a>),
    /// Measured output tokens per second.
    Measured(Turn<'a>, f64),
    /// The candidate does not run, with the reason; it has no further turns.
    Failed(Turn<'a>, &'a str),
    /// A conversion that is not kept could not be removed from the store.
    NotRemoved {
        /// Name in the store.
        name: &'a str,
        /// Reason.
        reason: &'a str,
    },
}

/// Receiver of events, and of the progress of conversions.
pub trait TuneObserver: Progress {
    /// Takes one event; returns at once.
    fn event(&self, event: TuneEvent<'_>);
}

/// Failure of a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrialError {
    /// The user stopped the trial.
    Stopped,
    /// The plan does not run, or does not respond; with the reason.
    Failed(String),
}

/// Measurement of plans.
pub trait Trials {
    /// Output tokens per second of `plan` with `parallel` requests in flight; starts it, measures it
    /// and stops it. `seed` determines the prompts.
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
