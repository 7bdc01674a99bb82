//! Telemetry of the machine under load: energy meter, sensors and the load of other programs.
//!
//! Owns: [`Telemetry`], provided by `app` for a target on this host, the readings at the edges of
//! windows, and the summary of sensor readings.
//!
//! Invariants: a value that cannot be read is absent; a failed reading makes the window's energy
//! absent, not zero.
//!
//! Does not do: choose a meter.

use std::sync::Arc;

use harmonic_perfmodel::load_between;
use harmonic_types::{
    EnergyMeter, Joules, LoadCounters, LoadMeter, PowerScope, SensorFigures, SensorReading, Sensors,
};

/// Meter and sensors of the machine that the target runs on; none where that is another machine.
#[derive(Clone, Default)]
pub struct Telemetry {
    /// Energy meter.
    pub meter: Option<Arc<dyn EnergyMeter>>,
    /// Clock, temperature and throttling sensors.
    pub sensors: Option<Arc<dyn Sensors>>,
    /// Meter of the load of other programs.
    pub load: Option<Arc<dyn LoadMeter>>,
}

/// Readings at an edge of a window.
#[derive(Clone, Copy, Debug, Default)]
pub struct EdgeReading {
    energy: Option<Joules>,
    load: Option<LoadCounters>,
}

impl EdgeReading {
    /// Energy used since an earlier reading; `None` without both.
    pub fn joules_since(&self, earlier: &Self) -> Option<Joules> {
        Some(Joules(self.energy?.0 - earlier.energy?.0))
    }

    /// Counters of the load since an earlier reading; `None` without both.
    pub fn load_since(&self, earlier: &Self) -> Option<LoadCounters> {
        Some(load_between(&earlier.load?, &self.load?))
    }
}

impl std::fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Telemetry")
            .field("meter", &self.scope())
            .field("sensors", &self.sensors.is_some())
            .field("load", &self.load.is_some())
            .finish()
    }
}

impl Telemetry {
    /// Scope of the meter.
    pub fn scope(&self) -> Option<PowerScope> {
        self.meter.as_ref().map(|meter| meter.scope())
    }

    /// Readings of the meters, at an edge of a window.
    pub fn read_edge(&self) -> EdgeReading {
        EdgeReading { energy: self.energy(), load: self.load.as_ref().map(|meter| meter.read()) }
    }

    /// Cumulative energy; `None` without a meter, or where it cannot be read.
    fn energy(&self) -> Option<Joules> {
        let meter = self.meter.as_ref()?;
        meter.total().inspect_err(|error| tracing::warn!(%error, "cannot read energy")).ok()
    }

    /// Sensor reading; `None` without sensors.
    pub fn read_sensors(&self) -> Option<SensorReading> {
        self.sensors.as_ref().map(|sensors| sensors.read())
    }
}

/// Summary of the sensor readings of a level.
#[derive(Clone, Copy, Debug, Default)]
pub struct SensorSummary {
    temperature_c: Option<f64>,
    clocks: (f64, u32),
    throttled: Option<bool>,
}

impl SensorSummary {
    /// Adds a reading.
    pub fn add(&mut self, state: SensorReading) {
        let hotter = |old: f64| state.temperature_c.map_or(old, |new| old.max(new));
        self.temperature_c = self.temperature_c.map(hotter).or(state.temperature_c);
        if let Some(clock) = state.clock_mhz {
            self.clocks = (self.clocks.0 + clock, self.clocks.1 + 1);
        }
        if let Some(throttled) = state.throttled {
            self.throttled = Some(self.throttled.unwrap_or(false) || throttled);
        }
    }

    /// Merges a later summary.
    pub fn join(&mut self, later: &Self) {
        self.temperature_c = match (self.temperature_c, later.temperature_c) {
            (Some(one), Some(other)) => Some(one.max(other)),
            (one, other) => one.or(other),
        };
        self.clocks = (self.clocks.0 + later.clocks.0, self.clocks.1 + later.clocks.1);
        self.throttled = match (self.throttled, later.throttled) {
            (Some(one), Some(other)) => Some(one || other),
            (one, other) => one.or(other),
        };
    }

    /// Figures for the record; `None` where nothing could be read.
    pub fn figures(&self) -> Option<SensorFigures> {
        let (sum, count) = self.clocks;
        let figures = SensorFigures {
            temperature_c: self.temperature_c,
            clock_mhz: (count > 0).then(|| sum / f64::from(count)),
            throttled: self.throttled,
        };
        (figures != SensorFigures::default()).then_some(figures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hottest_the_mean_clock_and_any_throttling_are_kept() {
        let mut sensor_summary = SensorSummary::default();
        assert_eq!(sensor_summary.figures(), None);
        let state = |temperature_c, clock_mhz, throttled| SensorReading {
            temperature_c: Some(temperature_c),
            clock_mhz: Some(clock_mhz),
            throttled: Some(throttled),
        };
        sensor_summary.add(state(60.0, 3000.0, false));
        sensor_summary.add(state(90.0, 2000.0, true));
        sensor_summary.add(SensorReading::default());
        sensor_summary.add(state(70.0, 2500.0, false));
        let expected = SensorFigures {
            temperature_c: Some(90.0),
            clock_mhz: Some(2500.0),
            throttled: Some(true),
        };
        assert_eq!(sensor_summary.figures(), Some(expected));
    }
}
