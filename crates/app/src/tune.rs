//! Tuning of engine settings for each base model of a team, measured over HTTP.

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
use crate::event::{EventAdapter, NoObserver, Observer};
use crate::http_threads::HTTP_THREADS;
use crate::listen::ListenConfig;
use crate::measure::targets;
use crate::models::converter;
use crate::plan::PlanInputs;
use crate::serve::TeamServer;
use crate::settings::Settings;
use crate::team_request::TeamRequest;

/// Settings to compare.
#[derive(Clone, Debug)]
pub struct TuneRequest {
    /// Axes in the order of comparison: each starts from the winner of the one before.
    pub axes: Vec<TuneAxis>,
    /// Agents whose base models are tuned; empty for all.
    pub agents: Vec<AgentName>,
    /// Sequences in flight; `None` for those of the plan.
    pub parallel: Option<u32>,
    /// Measurements of each candidate; `None` for [`ROUNDS`], the fewest that give an interval.
    pub rounds: Option<u32>,
}

/// Checks that the engine of the team has the axes of `request`.
///
/// # Errors
/// When the engine is not one in this process, or weight formats or KV types are compared on a
/// simulated one.
pub fn check(request: &TuneRequest, team: &TeamRequest) -> Result<()> {
    let kind = team.default_engine().kind();
    if !matches!(kind, EngineKind::Llama | EngineKind::Sim) {
        let what = format!("the settings of {kind} are not compared: it chooses them itself");
        return Err(AppError::refused(
            what,
            "leave out --engine, or measure it with `harmonic bench`",
        ));
    }
    let needs_model = |axis: TuneAxis| request.axes.contains(&axis) && kind == EngineKind::Sim;
    if needs_model(TuneAxis::Formats) {
        let what = "the simulated engine has no weights to convert";
        return Err(AppError::refused(what, "leave out --engine sim, or --formats"));
    }
    if needs_model(TuneAxis::KvTypes) {
        let what = "the simulated engine has no KV cache to quantise";
        return Err(AppError::refused(what, "leave out --engine sim, or --kv-types"));
    }
    Ok(())
}

/// Compares settings for each base model of `stack`, and stores the fastest. The models must be on
/// this machine.
///
/// # Errors
/// When no candidate can be planned or measured, a result cannot be stored, or `stop` is cancelled.
pub async fn tune(
    request: &TuneRequest,
    hardware: &Hardware,
    stack: &StackSpec,
    team: &TeamRequest,
    settings: &Settings,
    observer: &dyn Observer,
    stop: &CancellationToken,
) -> Result<Vec<TunedConfig>> {
    if let Some((agent, engine)) = stack.engines.iter().next() {
        let what = format!("the stack states the engine {} for `{agent}`", engine.kind());
        let hint = "compare settings of one engine: give --engine llama, which overrides it";
        return Err(AppError::refused(what, hint));
    }
    let trials = ServedTrials { settings, stop };
    let mut configs = Vec::new();
    for model in harmonic_tune::models(stack, &request.agents)? {
        // Read again for each model, with the results stored for the one before.
        let plan_inputs = PlanInputs::of(stack, team, settings, observer)?;
        // What is measured is generation.
        if plan_inputs.models.get(model).is_some_and(|model| model.shape.pooling.is_some()) {
            continue;
        }
        let inputs = TuneInputs {
            hardware,
            stack,
            models: &plan_inputs.models,
            curves: &plan_inputs.curves,
            tuned: &plan_inputs.tuned,
            options: &team.options(),
            engine: &engines::build(team.default_engine().kind()),
            parallel: request.parallel,
            rounds: request.rounds.unwrap_or(ROUNDS),
            http_threads: HTTP_THREADS,
            store: &settings.store,
            folder: &settings.tuned,
            converter: &converter(hardware),
            observer: &EventAdapter(observer),
            stop,
        };
        configs.push(harmonic_tune::tune(inputs, model, &request.axes, &trials).await?);
    }
    Ok(configs)
}

/// Trials with a team on a free port of this machine.
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
        let rate = measured.map_err(|error| error::one_line(&error)).and_then(|run| rate(&run));
        rate.map_err(TrialError::Failed)
    }
}

impl ServedTrials<'_> {
    async fn run(&self, plan: Plan, parallel: u32, seed: u64) -> Result<BenchRun> {
        // One model is compared at a time.
        let loads = targets::loads(&targets::of_plan(&plan, &[])?, true);
        // Without events: each trial starts an engine.
        let starting = TeamServer::start(plan, ListenConfig::private(), self.settings, &NoObserver);
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

/// Throughput of the only level, in output tokens per second.
fn rate(run: &BenchRun) -> Result<f64, String> {
    let level = run.series.first().and_then(|series| series.levels.first());
    let rate = level.and_then(|level| level.tok_s).map(|rate| rate.mean);
    rate.ok_or_else(|| {
        let why: Vec<&str> = run.warnings.iter().map(|warning| warning.message.as_str()).collect();
        format!("no answer came through: {}", why.join("; "))
    })
}
