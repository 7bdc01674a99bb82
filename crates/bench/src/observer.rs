//! Observer of a run.
//!
//! Owns: the [`Observer`] trait and its events.
//!
//! Invariants: every level that starts is reported as done, unless the run is stopped within it;
//! figures reported while a level runs are provisional.
//!
//! Does not do: display (`render`).

use std::time::Duration;

use harmonic_perfmodel::Disturbance;
use harmonic_types::LevelResult;

use crate::config::Load;
use crate::levels::LoadPoint;

/// Receiver of a run's events. Called from the task that drives the load; must return at once.
pub trait Observer: Send + Sync {
    /// Takes one event.
    fn event(&self, event: &BenchEvent<'_>);
}

/// Observer that ignores all events.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullObserver;

impl Observer for NullObserver {
    fn event(&self, _: &BenchEvent<'_>) {}
}

/// Phase of a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Streams are being filled.
    WarmUp {
        /// Streams with output so far.
        streaming: u32,
    },
    /// A window is being measured.
    Measuring {
        /// Number of the window, from 1.
        trial: u32,
        /// Number of windows, if the interval is narrow enough by then.
        of: u32,
        /// Maximum number of windows.
        most: u32,
    },
}

/// Event of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BenchEvent<'a> {
    /// Measurement of the idle machine, its power and its load, starts.
    Idle {
        /// Length of the measurement.
        lasts: Duration,
    },
    /// Others use the machine before the run.
    Disturbed {
        /// Their use.
        by: Disturbance,
    },
    /// A level starts.
    LevelStarted {
        /// Destination of the load.
        load: &'a Load,
        /// Parallelism or rate.
        point: LoadPoint,
        /// Position in the run, from 1.
        number: u32,
        /// Levels in the run.
        of: u32,
    },
    /// Progress of a level.
    Level {
        /// Parallelism; in an open loop, the requests now in flight.
        parallel: u32,
        /// Phase of the level.
        phase: Phase,
        /// Output tokens per second since the window opened; `None` outside a window.
        tok_s: Option<f64>,
        /// Minimum time until the level ends; `None` during warm-up.
        left: Option<Duration>,
        /// Time until the level's time limit.
        left_at_most: Duration,
    },
    /// A level is done.
    LevelDone {
        /// Parallelism or rate.
        point: LoadPoint,
        /// Figures of the level.
        result: &'a LevelResult,
    },
}
