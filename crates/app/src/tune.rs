//! Settings compared on our own engine over HTTP, for each base model of a team.

use std::time::Duration;

use harmonic_api::Client;
use harmonic_bench::{BenchConfig, HttpTarget, Levels, Telemetry};
use harmonic_tune::{ROUNDS, TrialError, Trials, TuneInputs};
use harmonic_types::{
    AgentName, BenchRun, EngineKind, Hardware, Plan, StackSpec, TuneAxis, TunedConfig,
};
use tokio_util::sync::CancellationToken;

use crate::engines;
use crate::error::{self, AppError, Result};
use crate::event::{Forward, Observer, Silent};
use crate::http_threads::HTTP_THREADS;
use crate::listen::ListenConfig;
use crate::measure::targets;
use crate::models::converter;
use crate::plan::{Knowledge, TeamRequest};
use crate::serve::Serving;
use crate::settings::Settings;

/// What is to be compared.
#[derive(Clone, Debug)]
pub struct TuneRequest {
    /// Settings that are varied, in this order: the later build upon the earlier.
    pub axes: Vec<TuneAxis>,
    /// Agents whose base models are tuned; all where none is named.
    pub agents: Vec<AgentName>,
    /// Sequences in flight; `None` for what the plan has in flight.
    pub parallel: Option<u32>,
    /// Turns of each candidate; `None` for as few as give an interval.
    pub rounds: Option<u32>,
}

/// Whether the comparison makes sense for the team.
///
/// # Errors
/// When weight formats are to be compared of an engine without weights.
pub fn check(request: &TuneRequest, team: &TeamRequest) -> Result<()> {
    if request.axes.contains(&TuneAxis::Formats) && team.engine == EngineKind::Sim {
        let what = "the simulated engine has no weights to convert";
        return Err(AppError::refused(what, "leave out --engine sim, or --formats"));
    }
    Ok(())
}

/// Compares settings for each base model of `stack`, and keeps the fastest. The models must be here.
///
/// # Errors
/// When nothing can be planned or measured, a result cannot be stored, or `stop` is cancelled.
pub async fn tune(
    request: &TuneRequest,
    hardware: &Hardware,
    stack: &StackSpec,
    team: &TeamRequest,
    settings: &Settings,
    observer: &dyn Observer,
    stop: &CancellationToken,
) -> Result<Vec<TunedConfig>> {
    let trials = ServedTrials { settings, stop };
    let mut configs = Vec::new();
    for model in harmonic_tune::models(stack, &request.agents)? {
        // What was kept of the model before is known to the next.
        let knowledge = Knowledge::of(stack, team.engine, settings, observer)?;
        let inputs = TuneInputs {
            hardware,
            stack,
            models: &knowledge.models,
            curves: &knowledge.curves,
            tuned: &knowledge.tuned,
            options: &team.options(),
            engine: &engines::build(team.engine),
            parallel: request.parallel,
            rounds: request.rounds.unwrap_or(ROUNDS),
            http_threads: HTTP_THREADS,
            store: &settings.store,
            folder: &settings.tuned,
            converter: &converter(hardware),
            observer: &Forward(observer),
            stop,
        };
        configs.push(harmonic_tune::tune(inputs, model, &request.axes, &trials).await?);
    }
    Ok(configs)
}

/// Trials on a free port of this machine.
struct ServedTrials<'a> {
    settings: &'a Settings,
    stop: &'a CancellationToken,
}

impl Trials for ServedTrials<'_> {
    async fn measure(&self, plan: Plan, parallel: u32, seed: u64) -> Result<f64, TrialError> {
        let measured = self.run(plan, parallel, seed).await;
        if self.stop.is_cancelled() {
            return Err(TrialError::Stopped);
        }
        let rate = measured.map_err(|error| error::line(&error)).and_then(|run| rate(&run));
        rate.map_err(TrialError::Failed)
    }
}

impl ServedTrials<'_> {
    async fn run(&self, plan: Plan, parallel: u32, seed: u64) -> Result<BenchRun> {
        // One model is compared at a time.
        let loads = targets::loads(&targets::of_plan(&plan, &[])?, true);
        // Nobody wants to read a dozen times that an engine is ready.
        let starting = Serving::start(plan, ListenConfig::private(), self.settings, &Silent);
        let serving =
            self.stop.run_until_cancelled(starting).await.ok_or_else(AppError::stopped)??;
        let target = HttpTarget::from(Client::new(&serving.url())?);
        let preset = BenchConfig::quick(loads, Levels::new([parallel])?);
        let host = self.settings.host.clone();
        // A figure is the mean of two windows.
        let config = BenchConfig { host, trials: 2, max_trials: 2, seed, ..preset };
        let none = Telemetry::default();
        let silent = harmonic_bench::NullObserver;
        let run = harmonic_bench::run(&target, &config, &none, &silent, self.stop).await;
        serving.drain(Duration::ZERO).await?;
        Ok(run?)
    }
}

/// The output tokens per second of the only level.
fn rate(run: &BenchRun) -> Result<f64, String> {
    let level = run.series.first().and_then(|series| series.levels.first());
    let rate = level.and_then(|level| level.tok_s).map(|rate| rate.mean);
    rate.ok_or_else(|| {
        let why: Vec<&str> = run.warnings.iter().map(|warning| warning.message.as_str()).collect();
        format!("no answer came through: {}", why.join("; "))
    })
}
