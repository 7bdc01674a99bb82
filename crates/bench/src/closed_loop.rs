//! The load of one level: workers that send one request after another.
//!
//! Owns: keeping `parallel` requests in flight, and stamping what arrives.
//!
//! Invariants: a request that ends is replaced in the same turn of the event loop; when the level
//! ends, what is still in flight is dropped, which cancels it at the target. A worker's first
//! request is cut to a part of the length, another for each worker, so that the workers spread over
//! the cycle instead of ending together.
//!
//! Does not do: decide what counts (`meter`), or what a level's figures are (`level`).

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::config::BenchConfig;
use crate::meter::{Meter, Rules, State};
use crate::observer::{Observer, Phase, Progress};
use crate::prompt::Prompts;
use crate::target::{Arrival, Ask, Counted, Target, TargetError};

/// The requests of a run, one after the other.
#[derive(Debug)]
pub struct Asks<'a> {
    config: &'a BenchConfig,
    prompts: Prompts,
    next: AtomicU64,
}

impl<'a> Asks<'a> {
    /// From the first.
    pub fn new(config: &'a BenchConfig) -> Self {
        let prompts = Prompts::new(config.seed, config.prompt_words);
        Self { config, prompts, next: AtomicU64::new(0) }
    }

    /// The settings they follow.
    pub const fn config(&self) -> &BenchConfig {
        self.config
    }

    /// The next one: the agents take turns, and no prompt comes twice.
    pub fn next(&self, output_tokens: u32) -> Ask {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        let agents = &self.config.load.agents;
        let turn = usize::try_from(index % agents.len() as u64).unwrap_or(0);
        Ask {
            agent: agents[turn].clone(),
            prompt: self.prompts.get(index),
            output_tokens,
            temperature: self.config.temperature,
        }
    }
}

/// Why a level ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All windows are measured.
    Complete,
    /// The time was up.
    TimeUp,
    /// The target yields nothing but failures.
    TargetDied,
    /// Somebody asked to stop.
    Stopped,
}

/// A level's journal and how it ended.
#[derive(Debug)]
pub struct Outcome {
    /// The journal.
    pub meter: Meter,
    /// Why it ended.
    pub ended: Ended,
    /// What went wrong first, if anything did.
    pub first_error: Option<TargetError>,
}

/// Runs one level for at most `limit`.
pub async fn measure<T: Target>(
    target: &T,
    asks: &Asks<'_>,
    parallel: u32,
    limit: Duration,
    observer: &dyn Observer,
    stop: &CancellationToken,
) -> Outcome {
    let config = asks.config;
    let rules = Rules {
        level: parallel,
        trials: config.trials,
        window: config.window,
        patience: config.patience,
    };
    let level = Level {
        target,
        asks,
        began: Instant::now(),
        journal: Mutex::new(Journal { meter: Meter::new(rules), first_error: None }),
        over: Notify::new(),
    };
    let mut workers: FuturesUnordered<_> =
        (0..parallel).map(|worker| level.work(worker, parallel)).collect();
    let mut ticks = interval(config.progress_every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let end = sleep(limit);
    tokio::pin!(end);
    let ended = loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break Ended::Stopped,
            () = level.over.notified() => break match level.journal().meter.state() {
                State::Dead => Ended::TargetDied,
                State::Complete | State::WarmUp | State::Measuring(_) => Ended::Complete,
            },
            () = &mut end => {
                level.journal().meter.close(level.now());
                break Ended::TimeUp;
            }
            _ = ticks.tick() => {
                let progress = level.progress(parallel, config.trials, limit);
                observer.progress(&progress);
            }
            // Workers have no end of their own: this only drives them.
            Some(never) = workers.next() => match never {},
        }
    };
    drop(workers);
    let Journal { meter, first_error } =
        level.journal.into_inner().unwrap_or_else(PoisonError::into_inner);
    Outcome { meter, ended, first_error }
}

struct Journal {
    meter: Meter,
    first_error: Option<TargetError>,
}

struct Level<'a, T> {
    target: &'a T,
    asks: &'a Asks<'a>,
    began: Instant,
    /// Held for one entry at a time, and by one task only: never waited for.
    journal: Mutex<Journal>,
    over: Notify,
}

impl<T: Target> Level<'_, T> {
    async fn work(&self, worker: u32, parallel: u32) -> Infallible {
        let config = self.asks.config;
        let index = usize::try_from(worker).unwrap_or(usize::MAX);
        let mut output_tokens = opening_tokens(config.output_tokens, worker, parallel);
        loop {
            self.journal().meter.sent(index, self.now());
            match self.request(index, self.asks.next(output_tokens)).await {
                Ok(counted) => {
                    self.note(|meter, now| meter.finished(index, now, counted));
                    output_tokens = config.output_tokens;
                }
                Err(error) => {
                    tracing::debug!(worker, %error, "request failed");
                    self.note(|meter, now| meter.failed(index, now, error.is_gone()));
                    self.journal().first_error.get_or_insert(error);
                    sleep(config.pause_after_failure).await;
                }
            }
        }
    }

    async fn request(&self, worker: usize, ask: Ask) -> Result<Counted, TargetError> {
        let limit = self.asks.config.stall_limit;
        let stalled =
            |_| TargetError::Stalled { target: self.target.name(), seconds: limit.as_secs() };
        let mut answer = timeout(limit, self.target.ask(ask)).await.map_err(stalled)??;
        loop {
            match timeout(limit, answer.next()).await.map_err(stalled)? {
                Some(Ok(Arrival::Output)) => self.journal().meter.output(worker, self.now()),
                Some(Ok(Arrival::Finished(counted))) => return Ok(counted),
                Some(Err(error)) => return Err(error),
                None => return Err(TargetError::NoUsage { target: self.target.name() }),
            }
        }
    }

    /// Makes an entry, and ends the level where the entry does.
    fn note(&self, entry: impl FnOnce(&mut Meter, Duration)) {
        let mut journal = self.journal();
        entry(&mut journal.meter, self.now());
        if matches!(journal.meter.state(), State::Complete | State::Dead) {
            self.over.notify_one();
        }
    }

    fn progress(&self, parallel: u32, trials: u32, limit: Duration) -> Progress<'static> {
        let now = self.now();
        let meter = &self.journal().meter;
        let phase = match meter.state() {
            State::Measuring(done) => Phase::Measuring { trial: done + 1, of: trials },
            State::Complete => Phase::Measuring { trial: trials, of: trials },
            State::WarmUp | State::Dead => Phase::WarmUp { streaming: meter.warm() },
        };
        Progress::Level {
            parallel,
            phase,
            tok_s: meter.tok_s_so_far(now),
            left: meter.time_left(now),
            left_at_most: limit.saturating_sub(now),
        }
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        // A panic elsewhere leaves whole entries behind.
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }
}

/// Length of a worker's first request: (worker + 1) ÷ (workers + 1) of the full one, at least 1.
fn opening_tokens(full: u32, worker: u32, workers: u32) -> u32 {
    let part = u64::from(full) * (u64::from(worker) + 1) / (u64::from(workers) + 1);
    u32::try_from(part).unwrap_or(full).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_requests_spread_over_the_length() {
        let lengths: Vec<u32> = (0..4).map(|worker| opening_tokens(100, worker, 4)).collect();
        assert_eq!(lengths, [20, 40, 60, 80]);
        assert_eq!(opening_tokens(2, 0, 1024), 1);
        assert_eq!(opening_tokens(u32::MAX, 1023, 1024), 4_290_777_083);
    }
}
