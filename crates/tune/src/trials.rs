//! What a comparison needs from outside: a server that measures a plan, and somebody who watches.

use harmonic_models::Progress;
use harmonic_types::{Plan, TuneAxis, TuneCandidate};

/// One turn of a candidate.
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

/// What happens during a comparison.
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

/// Hears what happens, and the progress of conversions.
pub trait TuneObserver: Progress {
    /// Something happened.
    fn event(&self, event: TuneEvent<'_>);
}

/// Why a trial has no figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrialError {
    /// The user stopped it.
    Stopped,
    /// The plan does not run, or nothing was answered; with the reason.
    Failed(String),
}

/// Runs plans and measures them.
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
