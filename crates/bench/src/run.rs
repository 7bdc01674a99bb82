//! A whole run: the loads and their levels, one after the other.
//!
//! Owns: the preflight, the order of levels, the share of time of each, and the end of a run before
//! its time.
//!
//! Invariants: a run that measured something always ends with a record.
//!
//! Does not do: render or store the record.

use std::time::Duration;

use harmonic_types::{AgentName, BenchRun, Watts};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::asks::Asks;
use crate::calibration;
use crate::closed_loop::{self, Bench};
use crate::config::{BenchConfig, Load};
use crate::error::BenchError;
use crate::instruments::Telemetry;
use crate::level::Environment;
use crate::levels::Step;
use crate::measured::{Ended, Outcome};
use crate::observer::{Observer, Progress};
use crate::protocol::Protocol;
use crate::record::Record;
use crate::target::Target;
use crate::warning::Warning;
use crate::{open_loop, waves};

/// Measures `target` as `config` says.
///
/// Cancelling `stop` ends the run at once: the levels measured so far are returned, with a warning.
/// So does a target that dies.
///
/// # Errors
/// A setting that would measure nothing; an agent that does not answer its first request; `stop`
/// before anything was measured.
pub async fn run<T: Target>(
    target: &T,
    config: &BenchConfig,
    instruments: &Telemetry,
    observer: &dyn Observer,
    stop: &CancellationToken,
) -> Result<BenchRun, BenchError> {
    config.check()?;
    let began = Instant::now();
    let mut record = Record::default();
    config.warnings.iter().for_each(|warning| record.warn(warning.clone()));
    let ready = async {
        let words = preflight(target, config, &mut record).await?;
        Ok((words, idle_power(config, instruments, observer).await))
    };
    let (words, idle) = tokio::select! {
        biased;
        () = stop.cancelled() => return Err(BenchError::Stopped),
        ready = ready => ready?,
    };
    let ground = Environment { began, slo: config.slo, scope: instruments.scope(), idle };
    let steps = steps(config);
    let share = Share::new(config);
    let mut rest = config.loads.len() * steps.len();
    let mut first = PREFLIGHT;
    'loads: for (place, load) in config.loads.iter().enumerate() {
        let asks = Asks::new(config, load, words, first);
        record.open(load);
        for (index, &step) in steps.iter().enumerate() {
            let (number, of) = (count(index + 1), count(steps.len()));
            observer.progress(&Progress::LevelStarted { load, step, number, of });
            let limit = share.limit(count(rest));
            rest -= 1;
            let bench = Bench { asks: &asks, instruments, stop };
            let outcome = measure(target, bench, step, limit, observer).await;
            let died = outcome.ended == Ended::TargetDied;
            if let Some(result) = record.take(step, limit, &outcome, config, &ground) {
                observer.progress(&Progress::LevelDone { step, result });
            }
            if died {
                record.missed(&steps[index + 1..], &config.loads[place + 1..]);
            }
            if died || outcome.ended == Ended::Stopped {
                break 'loads;
            }
        }
        first = asks.asked();
    }
    if stop.is_cancelled() && record.is_empty() {
        return Err(BenchError::Stopped);
    }
    let order = steps.iter().filter_map(Step::parallel).collect();
    Ok(record.finish(target.name(), config, words, order))
}

/// The points of a series in the order in which they are measured: at random, so that a machine
/// that heats up or gets busy does not pass for one that scales badly. The paper went up. So does a
/// run in a hurry, in which a light level leaves its time to the heavier ones.
pub fn steps(config: &BenchConfig) -> Vec<Step> {
    let mut steps: Vec<Step> = if config.protocol == Protocol::Open {
        config.rates.iter().copied().map(Step::Rate).collect()
    } else {
        config.levels.ascending().into_iter().map(Step::Parallel).collect()
    };
    if !matches!(config.protocol, Protocol::Paper | Protocol::Quick) {
        fastrand::Rng::with_seed(config.seed).shuffle(&mut steps);
    }
    steps
}

/// One level, paced as the protocol says.
pub(crate) async fn measure<T: Target>(
    target: &T,
    bench: Bench<'_>,
    step: Step,
    limit: Duration,
    observer: &dyn Observer,
) -> Outcome {
    match step {
        Step::Rate(rate) => open_loop::measure(target, bench, rate, limit, observer).await,
        Step::Parallel(parallel) if bench.asks.config().protocol == Protocol::Paper => {
            waves::measure(target, bench, parallel, limit, observer).await
        }
        Step::Parallel(parallel) => {
            closed_loop::measure(target, bench, parallel, limit, observer).await
        }
    }
}

/// Requests that the preflight may send: the prompts of a run begin after them.
const PREFLIGHT: u64 = 4096;

/// One short request to each agent: it must answer, and what a first request costs (a model that
/// is loaded, a connection that is made) is not paid in a level. Then the length of prompts is
/// calibrated: the words of each.
///
/// # Errors
/// When an agent does not answer.
pub async fn preflight<T: Target>(
    target: &T,
    config: &BenchConfig,
    record: &mut Record,
) -> Result<u32, BenchError> {
    let mut asked: Vec<&AgentName> = Vec::new();
    let mut words = config.prompt_words;
    for load in &config.loads {
        let asks = Asks::new(config, load, config.prompt_words, asked.len() as u64);
        let failed = |agent: &AgentName, source| BenchError::Preflight {
            agent: agent.clone(),
            target: target.name(),
            source,
        };
        for agent in &load.agents {
            if asked.contains(&agent) {
                continue;
            }
            let ask = asks.to(agent);
            asks.answer(target, ask, || ()).await.map_err(|error| failed(agent, error))?;
            asked.push(agent);
        }
        // The first load stands for all: most stacks have one family of tokenisers.
        if let Some(tokens) = config.prompt_tokens.filter(|_| asked.len() == distinct(load)) {
            let found = calibration::words(target, &asks, tokens).await;
            match found.map_err(|error| failed(&load.agents[0], error))? {
                Some(found) => words = found,
                None => record.warn(Warning::NotCalibrated { words, asked: tokens }),
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

/// Power of the machine with the target loaded and idle; `None` without a meter.
async fn idle_power(
    config: &BenchConfig,
    instruments: &Telemetry,
    observer: &dyn Observer,
) -> Option<Watts> {
    let before = instruments.energy()?;
    observer.progress(&Progress::Idle { lasts: config.idle });
    let began = Instant::now();
    sleep(config.idle).await;
    let joules = instruments.energy()?.0 - before.0;
    let seconds = began.elapsed().as_secs_f64();
    (joules > 0.0 && seconds > 0.0).then(|| Watts(joules / seconds))
}

/// The time of a run, shared out.
struct Share {
    level_limit: Duration,
    end: Option<Instant>,
}

impl Share {
    fn new(config: &BenchConfig) -> Self {
        let end = config.run_limit.and_then(|limit| Instant::now().checked_add(limit));
        Self { level_limit: config.level_limit, end }
    }

    /// For the next of `remaining` levels.
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
