//! What is read from the machine under load: energy, and its sensors.
//!
//! Owns: [`Telemetry`], which the binary fills for a target on this host, and what is kept of
//! their readings.
//!
//! Invariants: what cannot be read is absent; a reading that fails makes the window's energy absent,
//! not zero.
//!
//! Does not do: choose a meter.

use std::sync::Arc;

use harmonic_types::{EnergyMeter, Joules, PowerScope, SensorFigures, SensorReading, Sensors};

/// The meters of the machine that the target runs on; none where it is elsewhere.
#[derive(Clone, Default)]
pub struct Telemetry {
    /// Energy.
    pub meter: Option<Arc<dyn EnergyMeter>>,
    /// Clocks and temperature.
    pub sensors: Option<Arc<dyn Sensors>>,
}

impl std::fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Telemetry")
            .field("meter", &self.scope())
            .field("sensors", &self.sensors.is_some())
            .finish()
    }
}

impl Telemetry {
    /// What the meter covers.
    pub fn scope(&self) -> Option<PowerScope> {
        self.meter.as_ref().map(|meter| meter.scope())
    }

    /// Energy until now; `None` without a meter, or where it cannot be read.
    pub fn energy(&self) -> Option<Joules> {
        let meter = self.meter.as_ref()?;
        meter.total().inspect_err(|error| tracing::warn!(%error, "no energy")).ok()
    }

    /// What the sensors say.
    pub fn sense(&self) -> Option<SensorReading> {
        self.sensors.as_ref().map(|sensors| sensors.read())
    }
}

/// What the sensors said over a level.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sensed {
    temperature_c: Option<f64>,
    clocks: (f64, u32),
    throttled: Option<bool>,
}

impl Sensed {
    /// Takes in a reading.
    pub fn add(&mut self, reading: SensorReading) {
        let hotter = |old: f64| reading.temperature_c.map_or(old, |new| old.max(new));
        self.temperature_c = self.temperature_c.map(hotter).or(reading.temperature_c);
        if let Some(clock) = reading.clock_mhz {
            self.clocks = (self.clocks.0 + clock, self.clocks.1 + 1);
        }
        if let Some(throttled) = reading.throttled {
            self.throttled = Some(self.throttled.unwrap_or(false) || throttled);
        }
    }

    /// Adds what was said later.
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

    /// The figures; `None` where nothing could be read.
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
        let mut sensed = Sensed::default();
        assert_eq!(sensed.figures(), None);
        let reading = |temperature_c, clock_mhz, throttled| SensorReading {
            temperature_c: Some(temperature_c),
            clock_mhz: Some(clock_mhz),
            throttled: Some(throttled),
        };
        sensed.add(reading(60.0, 3000.0, false));
        sensed.add(reading(90.0, 2000.0, true));
        sensed.add(SensorReading::default());
        sensed.add(reading(70.0, 2500.0, false));
        let expected = SensorFigures {
            temperature_c: Some(90.0),
            clock_mhz: Some(2500.0),
            throttled: Some(true),
        };
        assert_eq!(sensed.figures(), Some(expected));
    }
}
