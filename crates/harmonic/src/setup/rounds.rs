//! Measuring settings in turns: each round starts every one of them once, so that a machine that
//! warms up or gets busy treats all alike.

use std::time::Duration;

use harmonic_api::Client;
use harmonic_bench::{BenchConfig, HttpTarget, Instruments, Levels, Silent, interval, run};
use harmonic_types::{Plan, TuneAxis};

use crate::door::Door;
use crate::failure::Failure;
use crate::measure::loads;
use crate::printer::Printer;
use crate::progress::spinner;
use crate::serving::Serving;
use crate::setup::Desk;
use crate::setup::candidates::Entry;

/// Rounds unless told otherwise: the fewest with which an interval says something.
const ROUNDS: u32 = 3;

/// Fills in the throughput of each entry at `parallel` sequences in flight. What does not run gets
/// the reason.
///
/// # Errors
/// When the user stops it.
pub async fn measure(
    desk: Desk<'_>,
    axis: TuneAxis,
    parallel: u32,
    entries: &mut [Entry],
) -> anyhow::Result<()> {
    let rounds = desk.args.trials.unwrap_or(ROUNDS);
    let mut rates: Vec<Vec<f64>> = vec![Vec::new(); entries.len()];
    for round in 0..rounds {
        for turn in 0..entries.len() {
            // Another one first each time.
            let index = (turn + round as usize) % entries.len();
            let Entry { about, plan, .. } = &mut entries[index];
            let Some(planned) = plan else { continue };
            let name = harmonic_render::tuned::setting(axis, about);
            let shown = format!("round {} of {rounds}, {parallel}x: {name}", round + 1);
            match one(desk, planned.clone(), parallel, round, &shown).await {
                Ok(rate) => {
                    rates[index].push(rate);
                    desk.printer.say(&format!("  {shown:<48} {rate:>8.1} tok/s"));
                }
                Err(_) if desk.stop.is_asked() => return Err(Failure::stopped().into()),
                Err(error) => {
                    desk.printer.say(&format!("  {shown}: {error:#}"));
                    (*plan, about.reason) = (None, Some(format!("{error:#}")));
                }
            }
        }
    }
    for (entry, rates) in entries.iter_mut().zip(&rates) {
        entry.about.tok_s = interval(rates);
    }
    Ok(())
}

/// Starts `plan` on a free port and measures it once, in output tokens per second.
async fn one(
    desk: Desk<'_>,
    plan: Plan,
    parallel: u32,
    round: u32,
    shown: &str,
) -> anyhow::Result<f64> {
    let bar = desk.printer.is_live().then(|| spinner(shown.to_owned()));
    // Nobody wants to read a dozen times that an engine is ready.
    let quiet = Printer::new(true);
    // One model is compared at a time.
    let loads = loads::loads(&loads::of_plan(&plan, &[])?, true);
    let serving = Serving::start(plan, Door::private(), &quiet, desk.stop).await;
    let measured = match serving {
        Ok(serving) => {
            let target = HttpTarget::from(Client::new(&serving.url())?);
            let preset = BenchConfig::quick(loads, Levels::new([parallel])?);
            let host = desk.settings.host.clone();
            // A round's figure is the mean of two windows; other prompts in each round.
            let config =
                BenchConfig { host, trials: 2, most_trials: 2, seed: round.into(), ..preset };
            let none = Instruments::default();
            let run = run(&target, &config, &none, &Silent, desk.stop.token()).await;
            serving.drain(Duration::ZERO).await?;
            run.map_err(anyhow::Error::from)
        }
        Err(error) => Err(error),
    };
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let run = measured?;
    if desk.stop.is_asked() {
        return Err(Failure::stopped().into());
    }
    let level = run.series.first().and_then(|series| series.levels.first());
    let rate = level.and_then(|level| level.tok_s).map(|rate| rate.mean);
    rate.ok_or_else(|| {
        let why: Vec<&str> = run.warnings.iter().map(|warning| warning.message.as_str()).collect();
        anyhow::anyhow!("no answer came through: {}", why.join("; "))
    })
}
