//! Lag of the client's event loop, measured by a periodic timer, which also reads the sensors.
//!
//! Owns: the ticks of a level, their delays, and the sensor readings taken at them.
//!
//! Invariants: only ticks within windows count.
//!
//! Does not do: judge whether the client was too slow (`record`).

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::telemetry::{SensorSummary, Telemetry};

/// Ticks between two sensor readings: some sensors take a millisecond per core to read.
const TICKS_PER_READING: u32 = 4;

/// Periodic timer that measures its own delay.
#[derive(Debug)]
pub struct EventLoopLag {
    ticks: Interval,
    ticked: u32,
    lags: Vec<Duration>,
    sensor_summary: SensorSummary,
}

impl EventLoopLag {
    /// Timer with this period.
    pub fn new(period: Duration) -> Self {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { ticks, ticked: 0, lags: Vec::new(), sensor_summary: SensorSummary::default() }
    }

    /// Waits for the next tick, which counts if `counts` (a window is open). Cancel-safe.
    pub async fn tick(&mut self, telemetry: &Telemetry, counts: bool) {
        let due = self.ticks.tick().await;
        if !counts {
            return;
        }
        self.lags.push(due.elapsed());
        if self.ticked.is_multiple_of(TICKS_PER_READING)
            && let Some(state) = telemetry.read_sensors()
        {
            self.sensor_summary.add(state);
        }
        self.ticked = self.ticked.wrapping_add(1);
    }

    /// Summary of the sensor readings, and the median delay of the ticks.
    pub fn summary(&self) -> (SensorSummary, Option<Duration>) {
        let mut lags = self.lags.clone();
        lags.sort_unstable();
        (self.sensor_summary, lags.get(lags.len() / 2).copied())
    }
}
