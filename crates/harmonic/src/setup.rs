//! `bench --formats`, `--layouts`, `--threads`: settings of each base model, measured in turns on
//! our own engine over HTTP; the fastest is kept as the measured setup of machine, model and build,
//! which the next plan takes.
//!
//! Owns: which settings compete, and what is kept of them. What decides is
//! [`harmonic_bench::choose`].
//!
//! Invariants: only what the planner's ledger gives every agent the same room with competes; only
//! what is near enough to the original ([`harmonic_models::DIVERGENCE_BOUND`]) is kept; conversions
//! that were made for a comparison go with it, unless one is kept.

mod candidates;
mod formats;
mod rounds;
mod subject;

use harmonic_bench::{Contender, choose};
use harmonic_types::{Threads, TuneAxis, TuneComparison, TunedConfig};

use crate::cli::{Bench, EngineArg};
use crate::failure::Failure;
use crate::printer::Printer;
use crate::settings::Settings;
use crate::setup::candidates::Entry;
use crate::setup::formats::Formats;
use crate::setup::subject::Subject;
use crate::stop::Stop;
use crate::team;

/// What a comparison needs of the program.
#[derive(Clone, Copy, Debug)]
pub struct Desk<'a> {
    pub args: &'a Bench,
    pub settings: &'a Settings,
    pub printer: &'a Printer,
    pub stop: &'a Stop,
}

/// Compares what the arguments name, for each base model of the team, and keeps the fastest.
///
/// # Errors
/// When nothing can be planned or measured, a setup cannot be stored, or the user stops it.
pub async fn compare(desk: Desk<'_>) -> anyhow::Result<Vec<TunedConfig>> {
    let Desk { args, settings, printer, stop } = desk;
    if args.compare.formats && args.team.engine == EngineArg::Sim {
        let what = "the simulated engine has no weights to convert";
        return Err(Failure::new(what, "leave out --engine sim, or --formats").into());
    }
    let hardware = team::hardware()?;
    let stack = team::stack(&args.team, settings)?;
    if args.team.engine.needs_models() {
        team::pull_missing(&stack, settings, &hardware, args.yes, printer, stop).await?;
    }
    let mut setups = Vec::new();
    for model in subject::models(&stack, &args.agent)? {
        let mut subject = Subject::of(desk, &hardware, &stack, model)?;
        for axis in args.compare.axes() {
            match axis {
                TuneAxis::Formats => formats(&mut subject).await?,
                TuneAxis::Layouts => layouts(&mut subject).await?,
                TuneAxis::Threads => threads(&mut subject).await?,
            }
        }
        setups.push(subject.setup);
    }
    Ok(setups)
}

async fn formats(subject: &mut Subject<'_>) -> anyhow::Result<()> {
    let mut formats = Formats::of(subject);
    let compared = race_formats(subject, &mut formats).await;
    // Also after an error or Ctrl-C.
    formats.discard_losers(compared.as_ref().ok().and_then(|kept| kept.as_deref()));
    compared.map(|_| ())
}

/// Name of the conversion that is kept; `None` for the file as it came.
async fn race_formats(
    subject: &mut Subject<'_>,
    formats: &mut Formats<'_>,
) -> anyhow::Result<Option<String>> {
    let (entries, present) = formats.entries(subject).await?;
    let (comparison, winner) = race(subject, TuneAxis::Formats, entries, present).await?;
    subject.setup.key.digest.clone_from(&winner.model.digest);
    subject.setup.key.format = Some(winner.model.shape.format.clone());
    subject.take(winner.model.clone());
    subject.keep(comparison)?;
    formats.keep(&winner)
}

async fn layouts(subject: &mut Subject<'_>) -> anyhow::Result<()> {
    let (entries, present) = candidates::layouts(subject)?;
    let (comparison, winner) = race(subject, TuneAxis::Layouts, entries, present).await?;
    subject.setup.kv_layout = Some(winner.about.kv_layout);
    subject.keep(comparison)
}

async fn threads(subject: &mut Subject<'_>) -> anyhow::Result<()> {
    let (entries, present) = candidates::threads(subject)?;
    let (comparison, winner) = race(subject, TuneAxis::Threads, entries, present).await?;
    let about = &winner.about;
    subject.setup.threads = Some(Threads { engine: about.threads, http: about.http_threads });
    subject.keep(comparison)
}

/// Measures the entries, and gives the winner.
async fn race(
    subject: &Subject<'_>,
    axis: TuneAxis,
    mut entries: Vec<Entry>,
    present: usize,
) -> anyhow::Result<(TuneComparison, Entry)> {
    let parallel = subject.parallel;
    rounds::measure(subject.desk, axis, parallel, &mut entries).await?;
    if entries.iter().all(|entry| entry.about.tok_s.is_none()) {
        let reasons: Vec<&str> =
            entries.iter().filter_map(|entry| entry.about.reason.as_deref()).collect();
        let what = format!("nothing could be measured of {}", subject.model);
        return Err(Failure::new(what, reasons.join("; ")).into());
    }
    let contenders: Vec<Contender> = entries
        .iter()
        .map(|Entry { about, .. }| Contender {
            tok_s: about.tok_s,
            divergence: about.divergence.map_or(0.0, |divergence| divergence.nats_per_token),
            allowed: about.reason.is_none(),
        })
        .collect();
    let chosen = choose(present, &contenders);
    let candidates = entries.iter().map(|entry| entry.about.clone()).collect();
    let winner = entries.swap_remove(chosen);
    Ok((TuneComparison { axis, parallel, present, chosen, candidates }, winner))
}
