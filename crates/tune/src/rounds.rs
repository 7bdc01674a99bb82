//! Measuring settings in turns: each round starts every one of them once, so that a machine that
//! warms up or gets busy treats all alike.

use harmonic_bench::interval;
use harmonic_types::TuneAxis;

use crate::candidates::PlannedCandidate;
use crate::error::TuneError;
use crate::target::TuneInputs;
use crate::trials::{TrialError, Trials, TuneEvent, Turn};

/// Fills in the throughput of each candidate at `parallel` sequences in flight. What does not run gets
/// the reason.
///
/// # Errors
/// When the user stops it.
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
            // Another one first each time.
            let index = (turn + round as usize) % candidates.len();
            let PlannedCandidate { about, plan, .. } = &mut candidates[index];
            let Some(planned) = plan else { continue };
            let turn = Turn { axis, candidate: about, round: round + 1, rounds, parallel };
            observer.event(TuneEvent::Measuring(turn));
            // Other prompts in each round.
            match trials.measure(planned.clone(), parallel, round.into()).await {
                Ok(rate) => {
                    rates[index].push(rate);
                    observer.event(TuneEvent::Measured(turn, rate));
                }
                Err(TrialError::Stopped) => return Err(TuneError::Stopped),
                Err(TrialError::Failed(reason)) => {
                    observer.event(TuneEvent::Failed(turn, &reason));
                    (*plan, about.reason) = (None, Some(reason));
                }
            }
        }
    }
    for (candidate, rates) in candidates.iter_mut().zip(&rates) {
        candidate.about.tok_s = interval(rates);
    }
    Ok(())
}
