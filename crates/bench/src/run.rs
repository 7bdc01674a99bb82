//! A whole run: all loads and their levels in sequence.
//!
//! Owns: the preflight, the order of levels, the time limit of each, and early termination.
//!
//! Invariants: a run that has measured anything always yields a record.
//!
//! Does not do: render or store the record.

use std::time::Duration;

use harmonic_perfmodel::{Disturbance, load_figures};
use harmonic_types::{AgentName, BenchRun, LoadCounters, LoadFigures, Watts};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::calibration;
use crate::closed_loop::{self, LoadContext};
use crate::config::{BenchConfig, Load};
use crate::error::BenchError;
use crate::level::Environment;
use crate::levels::LoadPoint;
use crate::measurement::{EndReason, Outcome};
use crate::observer::{BenchEvent, Observer};
use crate::protocol::Protocol;
use crate::record::RecordBuilder;
use crate::target::Target;
use crate::telemetry::Telemetry;
use crate::warning::Warning;
use crate::workload::Workload;
use crate::{batch_load, load_before, open_loop};

/// Measures `target` by `config`.
///
/// Cancelling `stop` ends the run at once and returns the levels measured so far, with a warning.
/// The same holds if the target dies.
///
/// # Errors
/// An invalid setting; an agent that does not respond to its first request; `stop` cancelled before
/// anything was measured.
pub async fn run<T: Target>(
    target: &T,
    config: &BenchConfig,
    telemetry: &Telemetry,
    observer: &dyn Observer,
    stop: &CancellationToken,
) -> Result<BenchRun, BenchError> {
    config.check()?;
    let started = Instant::now();
    let mut record = RecordBuilder::default();
    config.warnings.iter().for_each(|warning| record.warn(warning.clone()));
    let ready = async {
        let words = preflight(target, config, &mut record).await?;
        Ok((words, idle(config, telemetry, observer).await))
    };
    let (words, idle) = tokio::select! {
        biased;
        () = stop.cancelled() => return Err(BenchError::Stopped),
        ready = ready => ready?,
    };
    record.set_load_before(idle.load);
    let (slo, scope, idle) = (config.slo, telemetry.scope(), idle.power);
    let real_time = config.runs.as_ref().map(|runs| runs.real_time);
    let environment = Environment { started, slo, scope, idle, real_time };
    let points = points(config);
    let share = TimeBudget::new(config);
    let mut rest = config.loads.len() * points.len();
    let mut first = PREFLIGHT_REQUESTS;
    'loads: for (place, load) in config.loads.iter().enumerate() {
        let workload = Workload::new(config, load, words, first);
        record.start_series(load);
        for (index, &point) in points.iter().enumerate() {
            let (number, of) = (count(index + 1), count(points.len()));
            observer.event(&BenchEvent::LevelStarted { load, point, number, of });
            let limit = share.limit(count(rest));
            rest -= 1;
            let context = LoadContext { workload: &workload, telemetry, stop };
            let outcome = measure(target, context, point, limit, observer).await;
            let died = outcome.ended == EndReason::TargetDied;
            if let Some(result) = record.add_level(point, limit, &outcome, config, &environment) {
                observer.event(&BenchEvent::LevelDone { point, result });
            }
            if died {
                record.add_unmeasured(&points[index + 1..], &config.loads[place + 1..]);
            }
            if died || outcome.ended == EndReason::Stopped {
                break 'loads;
            }
        }
        first = workload.requests();
    }
    if stop.is_cancelled() && record.is_empty() {
        return Err(BenchError::Stopped);
    }
    let order = points.iter().filter_map(LoadPoint::parallel).collect();
    Ok(record.finish(target.name(), config, words, order))
}

/// Load points of a series in the order of measurement: shuffled, so that thermal drift and other
/// load are not mistaken for poor scaling. Ascending by the paper's protocol, and in a quick run,
/// where light levels leave time to the heavier ones.
pub fn points(config: &BenchConfig) -> Vec<LoadPoint> {
    let mut points: Vec<LoadPoint> = if config.protocol == Protocol::Open {
        config.rates.iter().copied().map(LoadPoint::Rate).collect()
    } else {
        config.levels.ascending().into_iter().map(LoadPoint::Parallel).collect()
    };
    if !matches!(config.protocol, Protocol::Paper | Protocol::Quick) {
        fastrand::Rng::with_seed(config.seed).shuffle(&mut points);
    }
    points
}

/// Measures one level by the loop of its protocol.
pub(crate) async fn measure<T: Target>(
    target: &T,
    context: LoadContext<'_>,
    point: LoadPoint,
    limit: Duration,
    observer: &dyn Observer,
) -> Outcome {
    match point {
        LoadPoint::Rate(rate) => open_loop::measure(target, context, rate, limit, observer).await,
        LoadPoint::Parallel(parallel) if context.workload.config().protocol == Protocol::Paper => {
            batch_load::measure(target, context, parallel, limit, observer).await
        }
        LoadPoint::Parallel(parallel) => {
            closed_loop::measure(target, context, parallel, limit, observer).await
        }
    }
}

/// Request numbers reserved for the preflight; the prompts of a run start after them.
const PREFLIGHT_REQUESTS: u64 = 4096;

/// Sends one short request to each agent, so that the cost of first requests (loading a model,
/// connecting) does not fall into a level. Then calibrates the prompt length; returns the words per
/// prompt.
///
/// # Errors
/// When an agent does not respond.
pub async fn preflight<T: Target>(
    target: &T,
    config: &BenchConfig,
    record: &mut RecordBuilder,
) -> Result<u32, BenchError> {
    let mut checked: Vec<&AgentName> = Vec::new();
    let mut words = config.prompt_words;
    for load in &config.loads {
        let workload = Workload::new(config, load, config.prompt_words, checked.len() as u64);
        let failed = |agent: &AgentName, source| BenchError::Preflight {
            agent: agent.clone(),
            target: target.name(),
            source,
        };
        for agent in &load.agents {
            if checked.contains(&agent) {
                continue;
            }
            let request = workload.single_token(agent);
            workload.receive(target, request, || ()).await.map_err(|error| failed(agent, error))?;
            checked.push(agent);
        }
        // Calibrated on the first load only: most stacks have one family of tokenisers.
        if let Some(tokens) = config.prompt_tokens.filter(|_| checked.len() == distinct(load)) {
            let found = calibration::words(target, &workload, tokens).await;
            match found.map_err(|error| failed(&load.agents[0], error))? {
                Some(found) => words = found,
                None => record.warn(Warning::NotCalibrated { words, requested: tokens }),
            }
        }
    }
    Ok(words)
}

fn distinct(load: &Load) -> usize {
    let mut agents: Vec<&AgentName> = load.agents.iter().collect();
    agents.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    agents.dedup();
    agents.len()
}

/// The machine with the target loaded and idle.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct IdleMachine {
    /// Power; `None` without a meter.
    pub(crate) power: Option<Watts>,
    /// Load by others; `None` without a meter. A server without a known process is idle by now, so
    /// whatever runs belongs to others.
    pub(crate) load: Option<LoadFigures>,
}

/// Measures the idle machine, as long as its meters need.
pub(crate) async fn idle(
    config: &BenchConfig,
    telemetry: &Telemetry,
    observer: &dyn Observer,
) -> IdleMachine {
    let lasts = match (&telemetry.meter, &telemetry.load) {
        (Some(_), _) => config.idle,
        (None, Some(_)) => config.idle.min(load_before::LASTS),
        (None, None) => return IdleMachine::default(),
    };
    observer.event(&BenchEvent::Idle { lasts });
    let (before, started) = (telemetry.read_edge(), Instant::now());
    sleep(lasts).await;
    let after = telemetry.read_edge();
    let joules = after.joules_since(&before).filter(|joules| joules.0 > 0.0);
    let seconds = started.elapsed().as_secs_f64();
    let load =
        after.load_since(&before).map(|counters| LoadCounters { own_has_server: true, ..counters });
    let load = load.as_ref().and_then(load_figures);
    if let Some(disturbance) = load.as_ref().and_then(Disturbance::of) {
        observer.event(&BenchEvent::Disturbed { by: disturbance });
    }
    let power = joules.filter(|_| seconds > 0.0).map(|joules| Watts(joules.0 / seconds));
    IdleMachine { power, load }
}

/// Time limits of a run.
struct TimeBudget {
    level_limit: Duration,
    end: Option<Instant>,
}

impl TimeBudget {
    fn new(config: &BenchConfig) -> Self {
        let end = config.run_limit.and_then(|limit| Instant::now().checked_add(limit));
        Self { level_limit: config.level_limit, end }
    }

    /// Time limit of the next of `remaining` levels.
    fn limit(&self, remaining: u32) -> Duration {
        self.end.map_or(self.level_limit, |end| {
            let left = end.saturating_duration_since(Instant::now());
            (left / remaining.max(1)).min(self.level_limit)
        })
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
