//! Tuning: candidate settings of each base model are measured in turns, and the fastest is kept as
//! the tuned config of machine, model and engine build, which the next plan uses.
//!
//! Owns: the candidates (`candidates`, `formats`), the order of their turns (`rounds`), the rule of
//! the choice ([`choose`]), and the storage of the result.
//!
//! Invariants: only candidates with which the planner grants every agent at least as much are
//! measured; only candidates close enough to the original ([`harmonic_models::DIVERGENCE_BOUND`])
//! are kept; conversions created for a comparison are removed after it, unless kept.
//!
//! Does not do: start an engine (the caller's [`Trials`] does), print, or resolve stacks and
//! hardware.
#![forbid(unsafe_code)]

mod candidates;
mod choice;
mod error;
mod formats;
mod kv_types;
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

/// Default number of rounds: the minimum for a meaningful interval.
pub const ROUNDS: u32 = 3;

/// Compares the settings of `axes` for one base model, in this order, and keeps the fastest of
/// each.
///
/// # Errors
/// When nothing can be planned or measured, a result cannot be stored, or the user stops the
/// comparison.
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
            TuneAxis::KvTypes => kv_types(&mut target, trials).await?,
        }
    }
    Ok(target.config)
}

async fn formats(target: &mut TuneTarget<'_>, trials: &impl Trials) -> Result<(), TuneError> {
    let mut formats = Formats::of(target);
    let compared = compare_formats(target, &mut formats, trials).await;
    // Also after an error or Ctrl-C.
    formats.remove_created(compared.as_ref().ok().and_then(|kept| kept.as_deref()));
    compared.map(|_| ())
}

/// Compares the weight formats; returns the name of the conversion kept, `None` for the file as
/// shipped.
async fn compare_formats(
    target: &mut TuneTarget<'_>,
    formats: &mut Formats<'_>,
    trials: &impl Trials,
) -> Result<Option<String>, TuneError> {
    let (planned, present) = formats.candidates(target).await?;
    let (comparison, winner) = compare(target, TuneAxis::Formats, planned, present, trials).await?;
    target.config.key.digest.clone_from(&winner.model.digest);
    target.config.key.format = Some(winner.model.shape.format.clone());
    target.set_model(winner.model.clone());
    target.keep(comparison)?;
    formats.keep(&winner)
}

async fn layouts(target: &mut TuneTarget<'_>, trials: &impl Trials) -> Result<(), TuneError> {
    let (planned, present) = candidates::layouts(target)?;
    let (comparison, winner) = compare(target, TuneAxis::Layouts, planned, present, trials).await?;
    target.config.kv_layout = Some(winner.entry.kv_layout);
    target.keep(comparison)
}

async fn threads(target: &mut TuneTarget<'_>, trials: &impl Trials) -> Result<(), TuneError> {
    let (planned, present) = candidates::threads(target)?;
    let (comparison, winner) = compare(target, TuneAxis::Threads, planned, present, trials).await?;
    let entry = &winner.entry;
    target.config.threads = Some(Threads { engine: entry.threads, http: entry.http_threads });
    target.keep(comparison)
}

async fn kv_types(target: &mut TuneTarget<'_>, trials: &impl Trials) -> Result<(), TuneError> {
    let (planned, divergence) = kv_types::candidates(target).await?;
    let (comparison, _) = compare(target, TuneAxis::KvTypes, planned, 0, trials).await?;
    let rates = [0, 1].map(|at: usize| comparison.candidates.get(at).and_then(|entry| entry.tok_s));
    target.config.quantised_kv = Some(kv_types::price(divergence, rates, target.parallel));
    target.keep(comparison)
}

/// Measures the candidates and returns the winner.
async fn compare(
    target: &TuneTarget<'_>,
    axis: TuneAxis,
    mut planned: Vec<PlannedCandidate>,
    present: usize,
    trials: &impl Trials,
) -> Result<(TuneComparison, PlannedCandidate), TuneError> {
    let parallel = target.parallel;
    rounds::measure(&target.inputs, axis, parallel, &mut planned, trials).await?;
    if planned.iter().all(|candidate| candidate.entry.tok_s.is_none()) {
        let reasons: Vec<&str> =
            planned.iter().filter_map(|candidate| candidate.entry.reason.as_deref()).collect();
        let (model, reasons) = (target.model.clone(), reasons.join("; "));
        return Err(TuneError::NothingMeasured { model, reasons });
    }
    let measured: Vec<Candidate> = planned
        .iter()
        .map(|PlannedCandidate { entry, .. }| Candidate {
            tok_s: entry.tok_s,
            divergence: entry.divergence.map_or(0.0, |divergence| divergence.nats_per_token),
            allowed: entry.reason.is_none(),
        })
        .collect();
    let chosen = choose(present, &measured);
    let candidates = planned.iter().map(|candidate| candidate.entry.clone()).collect();
    let winner = planned.swap_remove(chosen);
    Ok((TuneComparison { axis, parallel, present, chosen, candidates }, winner))
}
