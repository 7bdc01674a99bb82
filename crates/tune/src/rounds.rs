//! Measuring settings in turns: each round starts every one of them once, so that a machine that
//! warms up or gets busy treats all alike.

use harmonic_bench::interval;
use harmonic_types::TuneAxis;

use crate::candidates::Entry;
use crate::error::TuneError;
use crate::target::TuneInputs;
use crate::trials::{TrialError, Trials, TuneEvent, Turn};

/// Fills in the throughput of each entry at `parallel` sequences in flight. What does not run gets
/// the reason.
///
/// # Errors
/// When the user stops it.
pub(crate) async fn measure(
    inputs: &TuneInputs<'_>,
    axis: TuneAxis,
    parallel: u32,
    entries: &mut [Entry],
    trials: &impl Trials,
) -> Result<(), TuneError> {
    let TuneInputs { rounds, observer, .. } = *inputs;
    let mut rates: Vec<Vec<f64>> = vec![Vec::new(); entries.len()];
    for round in 0..rounds {
        for turn in 0..entries.len() {
            // Another one first each time.
            let index = (turn + round as usize) % entries.len();
            let Entry { about, plan, .. } = &mut entries[index];
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
    for (entry, rates) in entries.iter_mut().zip(&rates) {
        entry.about.tok_s = interval(rates);
    }
    Ok(())
}
