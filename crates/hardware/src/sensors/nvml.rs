//! Sensors of NVIDIA GPUs: highest temperature, mean clock, and whether any is throttled.

use std::sync::Arc;

use harmonic_types::{SensorReading, Sensors};

use crate::nvml::{Nvml, NvmlError};

/// Sensors of all GPUs listed by NVML.
#[derive(Debug)]
pub(super) struct GpuSensors {
    nvml: Arc<dyn Nvml>,
    count: u32,
}

impl GpuSensors {
    pub(super) fn new(nvml: &Arc<dyn Nvml>) -> Self {
        Self { nvml: Arc::clone(nvml), count: nvml.count().unwrap_or(0) }
    }

    /// A figure of each GPU; `None` if one fails.
    fn each<T>(&self, query: impl Fn(&dyn Nvml, u32) -> Result<T, NvmlError>) -> Option<Vec<T>> {
        let figures: Vec<T> = (0..self.count)
            .map(|index| query(&*self.nvml, index))
            .collect::<Result<_, _>>()
            .ok()?;
        (!figures.is_empty()).then_some(figures)
    }
}

impl Sensors for GpuSensors {
    fn read(&self) -> SensorReading {
        let temperatures = self.each(|nvml, index| nvml.temperature_c(index));
        let clocks = self.each(|nvml, index| nvml.clock_mhz(index));
        let mean = |clocks: Vec<u32>| {
            clocks.iter().copied().map(f64::from).sum::<f64>() / clocks.len() as f64
        };
        SensorReading {
            temperature_c: temperatures.and_then(|all| all.into_iter().max()).map(f64::from),
            clock_mhz: clocks.map(mean),
            throttled: self
                .each(|nvml, index| nvml.is_throttled(index))
                .map(|all| all.into_iter().any(|throttled| throttled)),
        }
    }
}
