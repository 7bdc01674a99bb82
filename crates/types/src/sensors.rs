//! The seam through which a benchmark learns how the machine under its load fares.

/// What sensors say at one moment; what cannot be read is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SensorReading {
    /// Temperature of what computes, °C.
    pub temperature_c: Option<f64>,
    /// Its clock, MHz; the mean over cores.
    pub clock_mhz: Option<f64>,
    /// Whether the hardware has slowed itself down, for heat or power, since the last reading.
    pub throttled: Option<bool>,
}

/// Sensors of the machine that a target runs on.
pub trait Sensors: Send + Sync {
    /// What they say now. Takes some milliseconds at most.
    fn read(&self) -> SensorReading;
}
