//! What happens beside a load: a clock that strikes for the display, and the readings taken then.
//!
//! Owns: the ticks of a level, how late they came, and what the sensors said at them.
//!
//! Invariants: only ticks within windows count.
//!
//! Does not do: judge whether the client was too slow (`diagnosis`).

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::instruments::{Sensed, Telemetry};

/// Sensors are read at every so many ticks: some take a millisecond a core.
const TICKS_PER_READING: u32 = 4;

/// A clock beside the load.
#[derive(Debug)]
pub struct EventLoopLag {
    ticks: Interval,
    struck: u32,
    lags: Vec<Duration>,
    sensed: Sensed,
}

impl EventLoopLag {
    /// One that strikes every `period`.
    pub fn new(period: Duration) -> Self {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { ticks, struck: 0, lags: Vec::new(), sensed: Sensed::default() }
    }

    /// Waits for the next strike; `counts` if a window is open. Safe to cancel.
    pub async fn tick(&mut self, instruments: &Telemetry, counts: bool) {
        let due = self.ticks.tick().await;
        if !counts {
            return;
        }
        self.lags.push(due.elapsed());
        if self.struck.is_multiple_of(TICKS_PER_READING)
            && let Some(reading) = instruments.sense()
        {
            self.sensed.add(reading);
        }
        self.struck = self.struck.wrapping_add(1);
    }

    /// What the sensors said, and how late the clock struck: the median.
    pub fn found(&self) -> (Sensed, Option<Duration>) {
        let mut lags = self.lags.clone();
        lags.sort_unstable();
        (self.sensed, lags.get(lags.len() / 2).copied())
    }
}
