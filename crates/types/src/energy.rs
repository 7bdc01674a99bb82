//! The interface through which a benchmark reads energy.

use serde::{Deserialize, Serialize};

use crate::units::Joules;

/// Part of the machine that a power reading covers. Readings of different scopes are never
/// compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PowerScope {
    /// The GPU rail alone (NVML on a GB10).
    GpuRail,
    /// A whole graphics card.
    GpuBoard,
    /// CPU, GPU and memory controller in one package.
    SocPackage,
    /// The CPU package (RAPL).
    CpuPackage,
    /// The whole system.
    System,
}

/// How a meter obtains its total.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EnergyMethod {
    /// The hardware counts energy.
    Counter,
    /// Power is sampled and integrated.
    Sampled {
        /// Samples per second.
        hz: f64,
    },
}

/// A failed reading of a meter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the energy meter {meter}: {reason}")]
pub struct MeterError {
    /// Path or interface of the meter.
    pub meter: String,
    /// Cause, with the remedy if one is known.
    pub reason: String,
}

/// A cumulative energy meter: the reader subtracts two totals.
pub trait EnergyMeter: Send + Sync {
    /// Part of the machine that the reading covers.
    fn scope(&self) -> PowerScope;
    /// How the total is obtained.
    fn method(&self) -> EnergyMethod;
    /// Energy since an arbitrary origin; never decreases during the meter's lifetime.
    ///
    /// # Errors
    /// If the underlying interface fails or is gone.
    fn total(&self) -> Result<Joules, MeterError>;
}
