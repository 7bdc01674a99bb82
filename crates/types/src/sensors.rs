//! The interface through which a benchmark reads clocks, temperature and throttling.

/// One reading of the sensors; `None` for unreadable figures.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SensorReading {
    /// Temperature of the computing device, °C.
    pub temperature_c: Option<f64>,
    /// Clock of the computing device, MHz; the mean over cores.
    pub clock_mhz: Option<f64>,
    /// Whether the hardware throttled for temperature or power since the last reading.
    pub throttled: Option<bool>,
}

/// Sensors of the machine that a target runs on.
pub trait Sensors: Send + Sync {
    /// The current reading. Takes a few milliseconds at most.
    fn read(&self) -> SensorReading;
}
