//! Raw measurements of a load of any kind.
//!
//! Owns: [`Measurement`], from which a level's figures are computed (`level`).
//!
//! Invariants: trials do not overlap; `sampled` contains no request that was shortened to spread
//! the load.

use std::time::Duration;

use harmonic_types::{Joules, LoadCounters};
use tokio::time::Instant;

use crate::completed_request::CompletedRequest;
use crate::target::TargetError;
use crate::telemetry::{EdgeReading, SensorSummary};
use crate::throughput_recorder::ThroughputRecorder;
use crate::window::Window;

/// One measured window.
#[derive(Clone, Copy, Debug)]
pub struct Trial {
    /// Edges, relative to the start of the load.
    pub window: Window,
    /// Output tokens per second within it.
    pub tok_s: f64,
    /// Energy used within it; `None` without a reading at both edges.
    pub joules: Option<Joules>,
    /// Load of the machine within it; `None` without a reading at both edges.
    pub load: Option<LoadCounters>,
}

/// Measurements under one load.
#[derive(Clone, Debug)]
pub struct Measurement {
    /// Start of the load.
    pub started: Instant,
    /// Trials in chronological order.
    pub trials: Vec<Trial>,
    /// Completed requests whose latencies count.
    pub sampled: Vec<CompletedRequest>,
    /// All other completed requests.
    pub unsampled: Vec<CompletedRequest>,
    /// Failed requests, within trials or not; in an open loop also those that arrived within trials
    /// and had not ended when the level did.
    pub failures: u64,
    /// Number of streams that had output.
    pub streaming: u32,
    /// Sensor readings.
    pub sensor_summary: SensorSummary,
    /// Median lag of the client's event loop; `None` without ticks.
    pub lag: Option<Duration>,
}

impl Measurement {
    /// Empty measurement of a load started at `started`.
    pub fn since(started: Instant) -> Self {
        Self {
            started,
            trials: Vec::new(),
            sampled: Vec::new(),
            unsampled: Vec::new(),
            failures: 0,
            streaming: 0,
            sensor_summary: SensorSummary::default(),
            lag: None,
        }
    }

    /// Measurement of a recorder, with the readings at each edge of its windows.
    ///
    /// Latencies are sampled from requests that ended within a window, without each worker's first,
    /// which was sent in the initial burst and shortened.
    pub fn of(recorder: ThroughputRecorder, edges: &[EdgeReading], started: Instant) -> Self {
        let windows = recorder.windows().to_vec();
        let at = |edge: usize| edges.get(edge).copied().unwrap_or_default();
        let trial = |(index, window): (usize, &Window)| Trial {
            window: *window,
            tok_s: recorder.tok_s(window),
            joules: at(index + 1).joules_since(&at(index)),
            load: at(index + 1).load_since(&at(index)),
        };
        let trials = windows.iter().enumerate().map(trial).collect();
        let (failures, streaming) = (recorder.failures(), recorder.warm());
        let in_any =
            |done: &CompletedRequest| windows.iter().any(|window| window.contains(done.ended));
        let counts = |done: &CompletedRequest| !done.shortened && in_any(done);
        let (sampled, unsampled) = recorder.into_done().into_iter().partition(counts);
        Self { trials, sampled, unsampled, failures, streaming, ..Self::since(started) }
    }

    /// Appends the measurement of a later load of the same kind.
    pub fn join(&mut self, later: Self) {
        let offset = later.started.saturating_duration_since(self.started);
        self.trials.extend(later.trials.into_iter().map(|mut trial| {
            trial.window.from += offset;
            trial.window.to += offset;
            trial
        }));
        self.sampled.extend(later.sampled);
        self.unsampled.extend(later.unsampled);
        self.failures += later.failures;
        self.streaming = self.streaming.max(later.streaming);
        self.lag = self.lag.max(later.lag);
        self.sensor_summary.join(&later.sensor_summary);
    }

    /// All completed requests.
    pub fn done(&self) -> impl Iterator<Item = &CompletedRequest> {
        self.sampled.iter().chain(&self.unsampled)
    }
}

/// Reason why a load ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// All windows are measured.
    Complete,
    /// The arrival rate exceeds the completion rate.
    Overrun,
    /// The time limit was reached.
    TimeUp,
    /// All requests fail.
    TargetDied,
    /// The run was cancelled.
    Stopped,
}

/// Result of a load.
#[derive(Debug)]
pub struct Outcome {
    /// Raw measurements.
    pub measurement: Measurement,
    /// Reason for the end.
    pub ended: EndReason,
    /// First error of a request.
    pub first_error: Option<TargetError>,
}
