//! `bench --formats`, `--layouts`, `--threads`: settings compared on our own engine over HTTP.

use std::time::Duration;

use harmonic_api::Client;
use harmonic_bench::{BenchConfig, HttpTarget, Instruments, Levels, Silent};
use harmonic_tune::{ROUNDS, TrialError, Trials, TuneInputs};
use harmonic_types::{BenchRun, Plan, TunedConfig};

use crate::cli::{Bench, EngineArg};
use crate::door::Door;
use crate::engines;
use crate::failure::Failure;
use crate::http_threads::HTTP_THREADS;
use crate::measure::loads;
use crate::printer::Printer;
use crate::progress::Shown;
use crate::serving::Serving;
use crate::settings::Settings;
use crate::stop::Stop;
use crate::team;

/// Compares what the arguments name, for each base model of the team, and keeps the fastest.
///
/// # Errors
/// When nothing can be planned or measured, a result cannot be stored, or the user stops it.
pub async fn compare(
    args: &Bench,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Vec<TunedConfig>> {
    if args.compare.formats && args.team.engine == EngineArg::Sim {
        let what = "the simulated engine has no weights to convert";
        return Err(Failure::new(what, "leave out --engine sim, or --formats").into());
    }
    let hardware = team::hardware()?;
    let stack = team::stack(&args.team, settings)?;
    if args.team.engine.needs_models() {
        team::pull_missing(&stack, settings, &hardware, args.yes, printer, stop).await?;
    }
    let kind = args.team.engine.kind();
    let levels = args.levels.as_ref();
    let mut configs = Vec::new();
    for model in harmonic_tune::models(&stack, &args.agent)? {
        // What was kept of the model before is known to the next.
        let (models, tuned) =
            (team::models(&stack, settings)?, team::tuned(settings, kind, printer)?);
        let inputs = TuneInputs {
            hardware: &hardware,
            stack: &stack,
            models: &models,
            curves: &team::curves(settings, kind, printer)?,
            tuned: &tuned,
            options: &team::options(&args.team),
            engine: &engines::build(kind),
            parallel: levels.and_then(|levels| levels.ascending().last().copied()),
            rounds: args.trials.unwrap_or(ROUNDS),
            http_threads: HTTP_THREADS,
            store: &settings.store,
            folder: &settings.tuned,
            converter: &team::converter(&hardware),
            observer: &Shown::on(printer),
            stop: stop.token(),
        };
        let trials = ServedTrials { settings, stop };
        configs.push(harmonic_tune::tune(inputs, model, &args.compare.axes(), &trials).await?);
    }
    Ok(configs)
}

/// Trials on a free port of this machine.
struct ServedTrials<'a> {
    settings: &'a Settings,
    stop: &'a Stop,
}

impl Trials for ServedTrials<'_> {
    async fn measure(&self, plan: Plan, parallel: u32, seed: u64) -> Result<f64, TrialError> {
        let measured = self.run(plan, parallel, seed).await;
        if self.stop.is_asked() {
            return Err(TrialError::Stopped);
        }
        measured
            .and_then(|run| rate(&run))
            .map_err(|error| TrialError::Failed(format!("{error:#}")))
    }
}

impl ServedTrials<'_> {
    async fn run(&self, plan: Plan, parallel: u32, seed: u64) -> anyhow::Result<BenchRun> {
        // Nobody wants to read a dozen times that an engine is ready.
        let quiet = Printer::new(true);
        // One model is compared at a time.
        let loads = loads::loads(&loads::of_plan(&plan, &[])?, true);
        let serving = Serving::start(plan, Door::private(), &quiet, self.stop).await?;
        let target = HttpTarget::from(Client::new(&serving.url())?);
        let preset = BenchConfig::quick(loads, Levels::new([parallel])?);
        let host = self.settings.host.clone();
        // A figure is the mean of two windows.
        let config = BenchConfig { host, trials: 2, most_trials: 2, seed, ..preset };
        let none = Instruments::default();
        let run = harmonic_bench::run(&target, &config, &none, &Silent, self.stop.token()).await;
        serving.drain(Duration::ZERO).await?;
        Ok(run?)
    }
}

fn rate(run: &BenchRun) -> anyhow::Result<f64> {
    let level = run.series.first().and_then(|series| series.levels.first());
    let rate = level.and_then(|level| level.tok_s).map(|rate| rate.mean);
    rate.ok_or_else(|| {
        let why: Vec<&str> = run.warnings.iter().map(|warning| warning.message.as_str()).collect();
        anyhow::anyhow!("no answer came through: {}", why.join("; "))
    })
}
