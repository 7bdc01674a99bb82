//! A whole run: the levels one after the other, and the record of them.
//!
//! Owns: the preflight, the share of time of each level, the end of a run before its time, and
//! what goes into the [`BenchRun`].
//!
//! Invariants: a run that measured something always ends with a record; what is missing from it is
//! said in its warnings.
//!
//! Does not do: render or store the record.

use std::time::Duration;

use futures::StreamExt;
use harmonic_laws::{LevelThroughput, verdict};
use harmonic_types::{BenchRun, LevelResult, Provenance, ProvenanceMap, Series, Verdict, Workload};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::closed_loop::{Asks, Ended, Outcome, measure};
use crate::config::BenchConfig;
use crate::diagnosis::diagnose;
use crate::error::BenchError;
use crate::level;
use crate::observer::{Observer, Progress};
use crate::tally::Tally;
use crate::target::{Arrival, Target, TargetError};
use crate::warning::Warning;

/// Measures `target` as `config` says, from the lowest level to the highest.
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
    observer: &dyn Observer,
    stop: &CancellationToken,
) -> Result<BenchRun, BenchError> {
    config.check()?;
    let asks = Asks::new(config);
    tokio::select! {
        biased;
        () = stop.cancelled() => return Err(BenchError::Stopped),
        answered = preflight(target, &asks) => answered?,
    }
    let mut record = Record::default();
    let order = config.levels.ascending();
    let share = Share::new(config);
    for (index, &parallel) in order.iter().enumerate() {
        let (number, of) = (count(index + 1), count(order.len()));
        observer.progress(&Progress::LevelStarted { parallel, number, of });
        let limit = share.limit(of - number + 1);
        let outcome = measure(target, &asks, parallel, limit, observer, stop).await;
        let go_on = record.take(parallel, limit, outcome, config);
        if let Some(result) = record.levels.last().filter(|level| level.parallel == parallel) {
            observer.progress(&Progress::LevelDone { result });
        }
        if !go_on {
            break;
        }
    }
    if stop.is_cancelled() && record.levels.is_empty() {
        return Err(BenchError::Stopped);
    }
    Ok(record.finish(target.name(), config))
}

/// One short request to each agent: it must answer, and what a first request costs (a model that
/// is loaded, a connection that is made) is not paid in a level.
async fn preflight<T: Target>(target: &T, asks: &Asks<'_>) -> Result<(), BenchError> {
    let config = asks.config();
    for _ in &config.load.agents {
        let ask = asks.next(1);
        let agent = ask.agent.clone();
        let limit = config.stall_limit;
        let answered = timeout(limit, async {
            let mut answer = target.ask(ask).await?;
            while let Some(arrival) = answer.next().await {
                if let Arrival::Finished(_) = arrival? {
                    return Ok(());
                }
            }
            Err(TargetError::NoUsage { target: target.name() })
        })
        .await
        .unwrap_or_else(|_| {
            Err(TargetError::Stalled { target: target.name(), seconds: limit.as_secs() })
        });
        answered.map_err(|source| BenchError::Preflight {
            agent,
            target: target.name(),
            source,
        })?;
    }
    Ok(())
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

/// What a run has found so far.
#[derive(Default)]
struct Record {
    levels: Vec<LevelResult>,
    warnings: Vec<Warning>,
    tally: Tally,
}

impl Record {
    /// Takes in a level; whether to go on with the next.
    fn take(
        &mut self,
        parallel: u32,
        limit: Duration,
        outcome: Outcome,
        config: &BenchConfig,
    ) -> bool {
        let Outcome { meter, ended, first_error } = outcome;
        self.tally.add(&meter);
        let result = level::result(parallel, &meter);
        let first = first_error.as_ref().map(ToString::to_string).unwrap_or_default();
        if let Some(error) = first_error.as_ref().filter(|_| result.failures > 0) {
            self.warnings.push(Warning::Failures {
                parallel,
                failures: result.failures,
                finished: meter.done().len() as u64,
                first: first.clone(),
                hint: error.hint(),
            });
        }
        let go_on = match ended {
            Ended::Complete => true,
            Ended::TimeUp => {
                let limit_s = limit.as_secs_f64();
                let (trials, wanted) = (result.trials, config.trials);
                if trials == 0 {
                    let streaming = meter.warm();
                    self.warnings.push(Warning::NotSteady { parallel, streaming, limit_s });
                } else if trials < wanted {
                    self.warnings.push(Warning::FewWindows { parallel, trials, wanted });
                }
                true
            }
            Ended::TargetDied => {
                self.warnings.push(Warning::TargetDied { parallel, first });
                false
            }
            Ended::Stopped => {
                self.warnings.push(Warning::Interrupted { parallel });
                false
            }
        };
        // A level that was stopped before its first window says nothing, not even that it failed.
        if ended != Ended::Stopped || result.trials > 0 {
            self.levels.push(result);
        }
        go_on
    }

    fn finish(mut self, target: String, config: &BenchConfig) -> BenchRun {
        self.warnings.extend(self.tally.warnings(config));
        self.warnings.extend(diagnose(&self.levels));
        BenchRun {
            schema: BenchRun::SCHEMA.to_owned(),
            protocol: config.protocol.name().to_owned(),
            target,
            host: config.host.clone(),
            began_unix_ms: None,
            environment: Vec::new(),
            workload: Workload {
                prompt_words: config.prompt_words,
                prompt_tokens_asked: None,
                prompt_tokens: self.tally.mean_prompt(),
                output_tokens: config.output_tokens,
                temperature: config.temperature,
                levels: config.levels.as_asked().to_vec(),
                order: Vec::new(),
                seed: config.seed,
                slo: None,
            },
            series: vec![Series {
                model: config.load.model.clone(),
                agent: match config.load.agents.as_slice() {
                    [agent] => Some(agent.clone()),
                    _ => None,
                },
                key: None,
                verdict: judge(&self.levels),
                levels: self.levels,
            }],
            warnings: self.warnings.iter().map(Warning::finding).collect(),
            provenance: ProvenanceMap::from([
                ("/series".to_owned(), Provenance::Measured),
                ("/workload".to_owned(), Provenance::Declared),
                ("/workload/prompt_tokens".to_owned(), Provenance::Measured),
            ]),
        }
    }
}

fn judge(levels: &[LevelResult]) -> Verdict {
    let measured: Vec<LevelThroughput> = levels
        .iter()
        .filter_map(|level| {
            level.tok_s.map(|tok_s| LevelThroughput { parallel: level.parallel, tok_s })
        })
        .collect();
    verdict(&measured)
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
