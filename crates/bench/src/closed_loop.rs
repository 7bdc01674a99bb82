//! Closed loop: the load of one level, by workers that each send one request after another.
//!
//! Owns: keeping `parallel` requests in flight, and timestamping their output.
//!
//! Invariants: a request that ends is replaced in the same iteration of the event loop; when the
//! level ends, requests in flight are dropped, which cancels them at the target. A worker's first
//! request is shortened to a different fraction per worker, so that the workers are spread over the
//! cycle instead of ending together.
//!
//! Does not do: select the windows (`throughput_recorder`), or compute a level's figures (`level`).

use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::event_loop_lag::EventLoopLag;
use crate::measurement::{EndReason, Measurement, Outcome};
use crate::observer::{BenchEvent, Observer, Phase};
use crate::target::{Target, TargetError};
use crate::telemetry::{EdgeReading, Telemetry};
use crate::throughput_recorder::{RecorderConfig, State, ThroughputRecorder};
use crate::workload::Workload;

/// Inputs of a level other than its target.
#[derive(Clone, Copy, Debug)]
pub struct LoadContext<'a> {
    /// Requests to send.
    pub workload: &'a Workload<'a>,
    /// Meters and sensors to read.
    pub telemetry: &'a Telemetry,
    /// Cancellation of the run.
    pub stop: &'a CancellationToken,
}

/// Runs one level for at most `limit`.
pub async fn measure<T: Target>(
    target: &T,
    context: LoadContext<'_>,
    parallel: u32,
    limit: Duration,
    observer: &dyn Observer,
) -> Outcome {
    let config = context.workload.config();
    let recorder_config = RecorderConfig {
        level: parallel,
        full_warm_up: config.full_warm_up,
        trials: config.trials,
        max_trials: config.max_trials,
        target_half_width: config.target_half_width,
        window: config.window,
        patience: config.patience,
    };
    let level = ClosedLoop {
        target,
        context,
        started: Instant::now(),
        recording: Mutex::new(Recording::new(ThroughputRecorder::new(recorder_config))),
        finished: Notify::new(),
    };
    let mut workers: FuturesUnordered<_> =
        (0..parallel).map(|worker| level.work(worker, parallel)).collect();
    let mut event_loop_lag = EventLoopLag::new(config.progress_every);
    let end = sleep(limit);
    tokio::pin!(end);
    let ended = loop {
        tokio::select! {
            biased;
            () = context.stop.cancelled() => break EndReason::Stopped,
            () = level.finished.notified() => break match level.recording().recorder.state() {
                State::Dead => EndReason::TargetDied,
                State::Complete | State::WarmUp | State::Measuring(_) => EndReason::Complete,
            },
            () = &mut end => {
                level.record(ThroughputRecorder::finish);
                break EndReason::TimeUp;
            }
            () = event_loop_lag.tick(context.telemetry, level.is_measuring()) => {
                observer.event(&level.progress(parallel, limit));
            }
            // Workers run until dropped: this only polls them.
            Some(never) = workers.next() => match never {},
        }
    };
    drop(workers);
    let recording = level.recording.into_inner().unwrap_or_else(PoisonError::into_inner);
    recording.outcome(level.started, ended, &event_loop_lag)
}

struct Recording {
    recorder: ThroughputRecorder,
    /// Readings at each edge of the windows.
    edges: Vec<EdgeReading>,
    first_error: Option<TargetError>,
}

impl Recording {
    const fn new(recorder: ThroughputRecorder) -> Self {
        Self { recorder, edges: Vec::new(), first_error: None }
    }

    fn outcome(self, started: Instant, ended: EndReason, event_loop_lag: &EventLoopLag) -> Outcome {
        let mut measurement = Measurement::of(self.recorder, &self.edges, started);
        (measurement.sensor_summary, measurement.lag) = event_loop_lag.summary();
        Outcome { measurement, ended, first_error: self.first_error }
    }
}

struct ClosedLoop<'a, T> {
    target: &'a T,
    context: LoadContext<'a>,
    started: Instant,
    /// Locked for one entry at a time, and by one task only: never contended.
    recording: Mutex<Recording>,
    finished: Notify,
}

impl<T: Target> ClosedLoop<'_, T> {
    async fn work(&self, worker: u32, parallel: u32) -> Infallible {
        let workload = self.context.workload;
        let config = workload.config();
        let index = usize::try_from(worker).unwrap_or(usize::MAX);
        let mut output_tokens = first_output_tokens(config.output_tokens, worker, parallel);
        loop {
            self.recording().recorder.sent(index, self.now());
            let output = || self.recording().recorder.output(index, self.now());
            match workload.receive(self.target, workload.next(output_tokens), output).await {
                Ok(usage) => {
                    self.record(|recorder, now| recorder.finished(index, now, usage));
                    output_tokens = config.output_tokens;
                }
                Err(error) => {
                    tracing::debug!(worker, %error, "request failed");
                    self.record(|recorder, now| recorder.failed(index, now, error.is_gone()));
                    self.recording().first_error.get_or_insert(error);
                    sleep(config.pause_after_failure).await;
                }
            }
        }
    }

    /// Records an event, reads the meters if the event is the edge of a window, and ends the level if
    /// it is complete or dead.
    fn record(&self, entry: impl FnOnce(&mut ThroughputRecorder, Duration)) {
        let mut recording = self.recording();
        entry(&mut recording.recorder, self.now());
        while recording.edges.len() < recording.recorder.edges() {
            let reading = self.context.telemetry.read_edge();
            recording.edges.push(reading);
        }
        if matches!(recording.recorder.state(), State::Complete | State::Dead) {
            self.finished.notify_one();
        }
    }

    fn is_measuring(&self) -> bool {
        matches!(self.recording().recorder.state(), State::Measuring(_))
    }

    fn progress(&self, parallel: u32, limit: Duration) -> BenchEvent<'static> {
        let now = self.now();
        let config = self.context.workload.config();
        let recorder = &self.recording().recorder;
        let measuring = |done: u32| Phase::Measuring {
            trial: done + 1,
            of: config.trials.max(done + 1),
            most: config.max_trials,
        };
        let phase = match recorder.state() {
            State::Measuring(done) => measuring(done),
            State::Complete => measuring(config.trials.saturating_sub(1)),
            State::WarmUp | State::Dead => Phase::WarmUp { streaming: recorder.warm() },
        };
        BenchEvent::Level {
            parallel,
            phase,
            tok_s: recorder.tok_s_so_far(now),
            left: recorder.time_left(now),
            left_at_most: limit.saturating_sub(now),
        }
    }

    fn recording(&self) -> MutexGuard<'_, Recording> {
        // Entries are complete even after a panic elsewhere.
        self.recording.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }
}

/// Output tokens of a worker's first request: (worker + 1) ÷ (workers + 1) of the full length, at
/// least 1.
fn first_output_tokens(full: u32, worker: u32, workers: u32) -> u32 {
    let part = u64::from(full) * (u64::from(worker) + 1) / (u64::from(workers) + 1);
    u32::try_from(part).unwrap_or(full).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_requests_spread_over_the_length() {
        let lengths: Vec<u32> = (0..4).map(|worker| first_output_tokens(100, worker, 4)).collect();
        assert_eq!(lengths, [20, 40, 60, 80]);
        assert_eq!(first_output_tokens(2, 0, 1024), 1);
        assert_eq!(first_output_tokens(u32::MAX, 1023, 1024), 4_290_777_083);
    }
}
