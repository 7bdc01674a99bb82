//! Settings that compete: those of each base model, measured in turns; the fastest is kept as the
//! tuned config of machine, model and engine build, which the next plan takes.
//!
//! Owns: which settings compete (`candidates`, `formats`), how their turns alternate (`rounds`), the
//! rule that chooses ([`choose`]), and what is kept.
//!
//! Invariants: only what the planner's ledger gives every agent the same room with competes; only
//! what is near enough to the original ([`harmonic_models::DIVERGENCE_BOUND`]) is kept; conversions
//! that were made for a comparison go with it, unless one is kept.
//!
//! Does not do: start an engine (the caller's [`Trials`] does), print, or find out what a stack or
//! a machine is.
#![forbid(unsafe_code)]

mod candidates;
mod choice;
mod error;
mod formats;
mod rounds;
mod target;
mod trials;

use harmonic_types::{Threads, TuneAxis, TuneComparison, TunedConfig};

use crate::candidates::PlannedCandidate;
use crate::formats::Formats;
use crate::target::TuneTarget;

pub use crate::choice::{Candidate, choose};
pub use crate::error::TuneError;
pub use crate::target::{TuneInputs, models};
pub use crate::trials::{TrialError, Trials, TuneEvent, TuneObserver, Turn};

/// Rounds unless told otherwise: the fewest with which an interval says something.
pub const ROUNDS: u32 = 3;

/// Compares the settings of `axes` for one base model, in this order, and keeps the fastest of
/// each.
///
/// # Errors
/// When nothing can be planned or measured, a result cannot be stored, or the user stops it.
pub async fn tune(
    inputs: TuneInputs<'_>,
    model: &str,
    axes: &[TuneAxis],
    trials: &impl Trials,
) -> Result<TunedConfig, TuneError> {
    let mut target = TuneTarget::new(inputs, model)?;
    for axis in axes {
        match axis {
            TuneAxis::Formats => formats(&mut target, trials).await?,
            TuneAxis::Layouts => layouts(&mut target, trials).await?,
            TuneAxis::Threads => threads(&mut target, trials).await?,
        }
    }
    Ok(target.config)
}

async fn formats(target: &mut TuneTarget<'_>, trials: &impl Trials) -> Result<(), TuneError> {
    let mut formats = Formats::of(target);
    let compared = race_formats(target, &mut formats, trials).await;
    // Also after an error or Ctrl-C.
    formats.discard_losers(compared.as_ref().ok().and_then(|kept| kept.as_deref()));
    compared.map(|_| ())
}

/// Name of the conversion that is kept; `None` for the file as it came.
async fn race_formats(
    target: &mut TuneTarget<'_>,
    formats: &mut Formats<'_>,
    trials: &impl Trials,
) -> Result<Option<String>, TuneError> {
    let (planned, present) = formats.candidates(target).await?;
    let (comparison, winner) = race(target, TuneAxis::Formats, planned, present, trials).await?;
    target.config.key.digest.clone_from(&winner.model.digest);
    target.config.key.format = Some(winner.model.shape.format.clone());
    target.take(winner.model.clone());
    target.keep(comparison)?;
    formats.keep(&winner)
}

async fn layouts(target: &mut TuneTarget<'_>, trials: &impl Trials) -> Result<(), TuneError> {
    let (planned, present) = candidates::layouts(target)?;
    let (comparison, winner) = race(target, TuneAxis::Layouts, planned, present, trials).await?;
    target.config.kv_layout = Some(winner.about.kv_layout);
    target.keep(comparison)
}

async fn threads(target: &mut TuneTarget<'_>, trials: &impl Trials) -> Result<(), TuneError> {
    let (planned, present) = candidates::threads(target)?;
    let (comparison, winner) = race(target, TuneAxis::Threads, planned, present, trials).await?;
    let about = &winner.about;
    target.config.threads = Some(Threads { engine: about.threads, http: about.http_threads });
    target.keep(comparison)
}

/// Measures the candidates, and gives the winner.
async fn race(
    target: &TuneTarget<'_>,
    axis: TuneAxis,
    mut planned: Vec<PlannedCandidate>,
    present: usize,
    trials: &impl Trials,
) -> Result<(TuneComparison, PlannedCandidate), TuneError> {
    let parallel = target.parallel;
    rounds::measure(&target.inputs, axis, parallel, &mut planned, trials).await?;
    if planned.iter().all(|candidate| candidate.about.tok_s.is_none()) {
        let reasons: Vec<&str> =
            planned.iter().filter_map(|candidate| candidate.about.reason.as_deref()).collect();
        let (model, reasons) = (target.model.clone(), reasons.join("; "));
        return Err(TuneError::NothingMeasured { model, reasons });
    }
    let measured: Vec<Candidate> = planned
        .iter()
        .map(|PlannedCandidate { about, .. }| Candidate {
            tok_s: about.tok_s,
            divergence: about.divergence.map_or(0.0, |divergence| divergence.nats_per_token),
            allowed: about.reason.is_none(),
        })
        .collect();
    let chosen = choose(present, &measured);
    let candidates = planned.iter().map(|candidate| candidate.about.clone()).collect();
    let winner = planned.swap_remove(chosen);
    Ok((TuneComparison { axis, parallel, present, chosen, candidates }, winner))
}
