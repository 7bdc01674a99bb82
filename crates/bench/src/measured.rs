//! What a load leaves behind, whatever its kind.
//!
//! Owns: [`Measured`], from which a level's figures are made (`level`).
//!
//! Invariants: trials do not overlap; `counted` holds no request that was cut short to spread the
//! load.

use std::time::Duration;

use harmonic_types::Joules;
use tokio::time::Instant;

use crate::instruments::Sensed;
use crate::meter::{Done, Meter};
use crate::target::TargetError;
use crate::window::Window;

/// A stretch of time that was measured.
#[derive(Clone, Copy, Debug)]
pub struct Trial {
    /// Its edges, since the load began.
    pub window: Window,
    /// Output tokens per second in it.
    pub tok_s: f64,
    /// Energy over it.
    pub joules: Option<Joules>,
}

/// What was measured under one load.
#[derive(Clone, Debug)]
pub struct Measured {
    /// When the load began.
    pub began: Instant,
    /// The trials, in time.
    pub trials: Vec<Trial>,
    /// Requests whose latencies count.
    pub counted: Vec<Done>,
    /// Requests that ended well besides.
    pub others: Vec<Done>,
    /// Requests that failed, trials or not; in an open loop also those that arrived in the trials and
    /// had not ended when the level did.
    pub failures: u64,
    /// Streams that had output.
    pub streaming: u32,
    /// What the sensors said.
    pub sensed: Sensed,
    /// How late the client's own clock struck, median; `None` where it did not strike.
    pub lag: Option<Duration>,
}

impl Measured {
    /// Nothing yet.
    pub fn since(began: Instant) -> Self {
        Self {
            began,
            trials: Vec::new(),
            counted: Vec::new(),
            others: Vec::new(),
            failures: 0,
            streaming: 0,
            sensed: Sensed::default(),
            lag: None,
        }
    }

    /// What a journal holds, with the energy at each edge of its windows.
    ///
    /// The latencies that count are those of the requests that ended in a window, less each worker's
    /// first, which was sent into the rush of the start and cut short.
    pub fn of(meter: Meter, energy: &[Option<Joules>], began: Instant) -> Self {
        let windows = meter.windows().to_vec();
        let at = |edge: usize| energy.get(edge).copied().flatten();
        let joules = |index: usize| Some(Joules(at(index + 1)?.0 - at(index)?.0));
        let trial = |(index, window): (usize, &Window)| Trial {
            window: *window,
            tok_s: meter.tok_s(window),
            joules: joules(index),
        };
        let trials = windows.iter().enumerate().map(trial).collect();
        let (failures, streaming) = (meter.failures(), meter.warm());
        let in_any = |done: &Done| windows.iter().any(|window| window.holds(done.ended));
        let counts = |done: &Done| !done.opening && in_any(done);
        let (counted, others) = meter.into_done().into_iter().partition(counts);
        Self { trials, counted, others, failures, streaming, ..Self::since(began) }
    }

    /// Adds what was measured under a later load of the same kind.
    pub fn join(&mut self, later: Self) {
        let offset = later.began.saturating_duration_since(self.began);
        self.trials.extend(later.trials.into_iter().map(|mut trial| {
            trial.window.from += offset;
            trial.window.to += offset;
            trial
        }));
        self.counted.extend(later.counted);
        self.others.extend(later.others);
        self.failures += later.failures;
        self.streaming = self.streaming.max(later.streaming);
        self.lag = self.lag.max(later.lag);
        self.sensed.join(&later.sensed);
    }

    /// All requests that ended well.
    pub fn done(&self) -> impl Iterator<Item = &Done> {
        self.counted.iter().chain(&self.others)
    }
}

/// Why a load ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All windows are measured.
    Complete,
    /// More requests arrive than are answered.
    Overrun,
    /// The time was up.
    TimeUp,
    /// The target yields nothing but failures.
    TargetDied,
    /// Somebody asked to stop.
    Stopped,
}

/// What a load left behind and how it ended.
#[derive(Debug)]
pub struct Outcome {
    /// The measurements.
    pub measured: Measured,
    /// Why it ended.
    pub ended: Ended,
    /// What went wrong first, if anything did.
    pub first_error: Option<TargetError>,
}
