//! Who watches a run.
//!
//! Owns: the [`Observer`] seam and what it hears.
//!
//! Invariants: every level that starts is reported done, unless the run is stopped in it; figures
//! given while a level runs are provisional.
//!
//! Does not do: render. That is the binary's, which owns the terminal.

use std::time::Duration;

use harmonic_types::LevelResult;

use crate::config::Load;
use crate::levels::Step;

/// Hears of a run's progress. Called from the task that drives the load: return at once.
pub trait Observer: Send + Sync {
    /// Something changed, or `progress_every` has passed.
    fn progress(&self, progress: &Progress<'_>);
}

/// Hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn progress(&self, _: &Progress<'_>) {}
}

/// What a level is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Filling the streams; these many have had output.
    WarmUp {
        /// Streams with output so far.
        streaming: u32,
    },
    /// In a window.
    Measuring {
        /// Which, from 1.
        trial: u32,
        /// Of how many, if the interval is narrow by then.
        of: u32,
        /// Of how many at most.
        most: u32,
    },
}

/// What an observer hears, in order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Progress<'a> {
    /// The power of the idle machine is measured.
    Idle {
        /// How long that takes.
        lasts: Duration,
    },
    /// A level starts.
    LevelStarted {
        /// Whom it goes to.
        load: &'a Load,
        /// Its parallelism or its rate.
        step: Step,
        /// Its place in the run, from 1.
        number: u32,
        /// Levels in the run.
        of: u32,
    },
    /// A level goes on.
    Level {
        /// Its parallelism; in an open loop, what is in flight now.
        parallel: u32,
        /// What it does.
        phase: Phase,
        /// Rate since the window began; `None` outside one.
        tok_s: Option<f64>,
        /// Time until the level ends if its streams are no slower than its windows; `None` while
        /// it warms up.
        left: Option<Duration>,
        /// Time until the level is cut off.
        left_at_most: Duration,
    },
    /// A level is done.
    LevelDone {
        /// Its parallelism or its rate.
        step: Step,
        /// Its figures.
        result: &'a LevelResult,
    },
}
