//! The description of a machine (`harmonic detect --json`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::energy::PowerScope;
use crate::finding::Finding;
use crate::provenance::ProvenanceMap;
use crate::units::Bytes;

/// One machine, as detected or from a stored profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hardware {
    /// `harmonic.hardware/1`.
    pub schema: String,
    /// Stable name of the applied profile (`dgx-spark`, `cpu-generic` …).
    pub profile: String,
    /// Display name of the machine (CPU or SoC model).
    pub name: String,
    /// Whether CPU and accelerator share memory.
    pub unified_memory: bool,
    /// Memory usable by engines.
    pub memory_total_bytes: Bytes,
    /// Memory free at detection (reclaimable page cache counts as free).
    pub memory_available_bytes: Bytes,
    /// Memory available to a plan: floor(0.85 × min(total, cgroup limit)).
    pub memory_budget_bytes: Bytes,
    /// Parallelism at which throughput peaks, by the profile.
    pub peak_parallel: u32,
    /// Maximum useful sequences in flight.
    pub max_parallel: u32,
    /// Compute devices, best first.
    pub devices: Vec<Device>,
    /// The energy meter, if one is readable.
    pub power: Option<PowerSource>,
    /// Environment variables that engines on this machine need.
    pub environment: BTreeMap<String, String>,
    /// Findings for the owner.
    pub warnings: Vec<Finding>,
    /// Source of each figure.
    pub provenance: ProvenanceMap,
}

impl Hardware {
    /// The schema this build writes.
    pub const SCHEMA: &'static str = "harmonic.hardware/1";

    /// Logical CPUs that this process may use; at least 1.
    pub fn cpu_threads(&self) -> u32 {
        self.devices
            .iter()
            .find(|device| device.kind == DeviceKind::Cpu)
            .map_or(1, |device| device.threads.unwrap_or(1).max(1))
    }
}

/// Kind of a compute device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceKind {
    /// The CPU.
    Cpu,
    /// A GPU with its own memory.
    DiscreteGpu,
    /// A GPU that shares system memory.
    IntegratedGpu,
}

/// One compute device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// Identifier, stable within this machine: `cpu`, `gpu0` …
    pub id: String,
    /// Kind.
    pub kind: DeviceKind,
    /// Model name as reported by the hardware.
    pub name: String,
    /// Dedicated memory usable by the device, if it has any.
    pub memory_bytes: Option<Bytes>,
    /// Usable hardware threads (CPU only): affinity and cgroup quota applied.
    pub threads: Option<u32>,
    /// Instruction sets relevant to the speed of weight formats (`avx2`, `avx512_bf16`, `neon` …).
    pub features: Vec<String>,
}

/// Source of power readings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PowerSource {
    /// Interface (`rapl`, `nvml`, `amdgpu-hwmon` …).
    pub source: String,
    /// Part of the machine that the reading covers.
    pub scope: PowerScope,
}
