//! The seam through which a benchmark reads energy.

use serde::{Deserialize, Serialize};

use crate::units::Joules;

/// What part of the machine a power reading covers. Readings of different scopes are never
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

/// How a meter knows its total.
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

/// Why a meter could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the energy meter {meter}: {reason}")]
pub struct MeterError {
    /// The meter, by the path or interface that was read.
    pub meter: String,
    /// What went wrong, with the remedy where one is known.
    pub reason: String,
}

/// A cumulative energy meter: the reader subtracts two totals.
pub trait EnergyMeter: Send + Sync {
    /// What the reading covers.
    fn scope(&self) -> PowerScope;
    /// How it is obtained.
    fn method(&self) -> EnergyMethod;
    /// Energy since an arbitrary origin; never decreases while the meter lives.
    ///
    /// # Errors
    /// When the underlying interface refuses or vanishes.
    fn total(&self) -> Result<Joules, MeterError>;
}
