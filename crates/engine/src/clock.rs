//! Time as the drive loop sees it: real, simulated, or simulated at real pace.

use std::time::{Duration, Instant};

use harmonic_admission::Tick;

/// A source of ticks.
pub trait Clock {
    /// Now.
    fn now(&self) -> Tick;
    /// A machine pretends to have worked for `duration`.
    fn elapse(&mut self, duration: Duration);
}

/// Real time. A machine that pretends to work is made to wait, so that load tests see its pace.
#[derive(Debug)]
pub struct WallClock(Instant);

impl Default for WallClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for WallClock {
    fn now(&self) -> Tick {
        Tick::default() + self.0.elapsed()
    }

    fn elapse(&mut self, duration: Duration) {
        if !duration.is_zero() {
            std::thread::sleep(duration);
        }
    }
}

/// Virtual time: advances only by what machines pretend. The same work gives the same ticks.
#[derive(Debug, Default)]
pub struct VirtualClock(Tick);

impl Clock for VirtualClock {
    fn now(&self) -> Tick {
        self.0
    }

    fn elapse(&mut self, duration: Duration) {
        self.0 = self.0 + duration;
    }
}
