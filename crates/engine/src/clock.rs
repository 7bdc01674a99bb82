//! Clocks of the drive loop: real time, virtual time, or simulated work in real time.

use std::time::{Duration, Instant};

use harmonic_admission::Tick;

/// A source of ticks.
pub trait Clock {
    /// Current time.
    fn now(&self) -> Tick;
    /// Accounts for `duration` of simulated work.
    fn elapse(&mut self, duration: Duration);
}

/// Real time. Simulated work sleeps, so that load tests run at the simulated speed.
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

/// Virtual time: advances only by simulated work, deterministically.
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
