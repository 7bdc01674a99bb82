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
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use harmonic_types::Joules;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::asks::Asks;
use crate::event_loop_lag::EventLoopLag;
use crate::instruments::Telemetry;
use crate::measured::{Ended, Measured, Outcome};
use crate::meter::{Meter, Rules, State};
use crate::observer::{Observer, Phase, Progress};
use crate::target::{Target, TargetError};

/// What a level runs with, besides its target.
#[derive(Clone, Copy, Debug)]
pub struct Bench<'a> {
    /// What to ask.
    pub asks: &'a Asks<'a>,
    /// What to read.
    pub instruments: &'a Telemetry,
    /// When to give up.
    pub stop: &'a CancellationToken,
}

/// Runs one level for at most `limit`.
pub async fn measure<T: Target>(
    target: &T,
    bench: Bench<'_>,
    parallel: u32,
    limit: Duration,
    observer: &dyn Observer,
) -> Outcome {
    let config = bench.asks.config();
    let rules = Rules {
        level: parallel,
        full_warm_up: config.full_warm_up,
        trials: config.trials,
        most_trials: config.most_trials,
        narrow: config.narrow,
        window: config.window,
        patience: config.patience,
    };
    let level = Level {
        target,
        bench,
        began: Instant::now(),
        journal: Mutex::new(Journal::new(Meter::new(rules))),
        over: Notify::new(),
    };
    let mut workers: FuturesUnordered<_> =
        (0..parallel).map(|worker| level.work(worker, parallel)).collect();
    let mut event_loop_lag = EventLoopLag::new(config.progress_every);
    let end = sleep(limit);
    tokio::pin!(end);
    let ended = loop {
        tokio::select! {
            biased;
            () = bench.stop.cancelled() => break Ended::Stopped,
            () = level.over.notified() => break match level.journal().meter.state() {
                State::Dead => Ended::TargetDied,
                State::Complete | State::WarmUp | State::Measuring(_) => Ended::Complete,
            },
            () = &mut end => {
                level.note(Meter::close);
                break Ended::TimeUp;
            }
            () = event_loop_lag.tick(bench.instruments, level.measures()) => {
                observer.progress(&level.progress(parallel, limit));
            }
            // Workers have no end of their own: this only drives them.
            Some(never) = workers.next() => match never {},
        }
    };
    drop(workers);
    let journal = level.journal.into_inner().unwrap_or_else(PoisonError::into_inner);
    journal.outcome(level.began, ended, &event_loop_lag)
}

struct Journal {
    meter: Meter,
    /// Energy at each edge of the windows.
    energy: Vec<Option<Joules>>,
    first_error: Option<TargetError>,
}

impl Journal {
    const fn new(meter: Meter) -> Self {
        Self { meter, energy: Vec::new(), first_error: None }
    }

    fn outcome(self, began: Instant, ended: Ended, event_loop_lag: &EventLoopLag) -> Outcome {
        let mut measured = Measured::of(self.meter, &self.energy, began);
        (measured.sensed, measured.lag) = event_loop_lag.found();
        Outcome { measured, ended, first_error: self.first_error }
    }
}

struct Level<'a, T> {
    target: &'a T,
    bench: Bench<'a>,
    began: Instant,
    /// Held for one entry at a time, and by one task only: never waited for.
    journal: Mutex<Journal>,
    over: Notify,
}

impl<T: Target> Level<'_, T> {
    async fn work(&self, worker: u32, parallel: u32) -> Infallible {
        let asks = self.bench.asks;
        let config = asks.config();
        let index = usize::try_from(worker).unwrap_or(usize::MAX);
        let mut output_tokens = opening_tokens(config.output_tokens, worker, parallel);
        loop {
            self.journal().meter.sent(index, self.now());
            let output = || self.journal().meter.output(index, self.now());
            match asks.answer(self.target, asks.next(output_tokens), output).await {
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

    /// Makes an entry, reads the energy where that is the edge of a window, and ends the level where
    /// the entry does.
    fn note(&self, entry: impl FnOnce(&mut Meter, Duration)) {
        let mut journal = self.journal();
        entry(&mut journal.meter, self.now());
        while journal.energy.len() < journal.meter.edges() {
            let energy = self.bench.instruments.energy();
            journal.energy.push(energy);
        }
        if matches!(journal.meter.state(), State::Complete | State::Dead) {
            self.over.notify_one();
        }
    }

    fn measures(&self) -> bool {
        matches!(self.journal().meter.state(), State::Measuring(_))
    }

    fn progress(&self, parallel: u32, limit: Duration) -> Progress<'static> {
        let now = self.now();
        let config = self.bench.asks.config();
        let meter = &self.journal().meter;
        let measuring = |done: u32| Phase::Measuring {
            trial: done + 1,
            of: config.trials.max(done + 1),
            most: config.most_trials,
        };
        let phase = match meter.state() {
            State::Measuring(done) => measuring(done),
            State::Complete => measuring(config.trials.saturating_sub(1)),
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
