//! Rounds of measurements: each round measures every candidate once, in rotating order, so that
//! thermal drift and other load affect all equally.

use harmonic_bench::interval;
use harmonic_types::TuneAxis;

use crate::candidates::PlannedCandidate;
use crate::error::TuneError;
use crate::target::TuneInputs;
use crate::trials::{TrialError, Trials, TuneEvent, Turn};

/// Measures the throughput of each candidate at `parallel` sequences in flight, or sets the reason
/// why it does not run.
///
/// # Errors
/// When the user stops the comparison.
pub(crate) async fn measure(
    inputs: &TuneInputs<'_>,
    axis: TuneAxis,
    parallel: u32,
    candidates: &mut [PlannedCandidate],
    trials: &impl Trials,
) -> Result<(), TuneError> {
    let TuneInputs { rounds, observer, .. } = *inputs;
    let mut rates: Vec<Vec<f64>> = vec![Vec::new(); candidates.len()];
    for round in 0..rounds {
        for turn in 0..candidates.len() {
            // The first candidate rotates.
            let index = (turn + round as usize) % candidates.len();
            let PlannedCandidate { entry, plan, .. } = &mut candidates[index];
            let Some(planned) = plan else { continue };
            let turn = Turn { axis, candidate: entry, round: round + 1, rounds, parallel };
            observer.event(TuneEvent::Measuring(turn));
            // The round is the seed, so prompts differ between rounds.
            match trials.measure(planned.clone(), parallel, round.into()).await {
                Ok(rate) => {
                    rates[index].push(rate);
                    observer.event(TuneEvent::Measured(turn, rate));
                }
                Err(TrialError::Stopped) => return Err(TuneError::Stopped),
                Err(TrialError::Failed(reason)) => {
                    observer.event(TuneEvent::Failed(turn, &reason));
                    (*plan, entry.reason) = (None, Some(reason));
                }
            }
        }
    }
    for (candidate, rates) in candidates.iter_mut().zip(&rates) {
        candidate.entry.tok_s = interval(rates);
    }
    Ok(())
}
