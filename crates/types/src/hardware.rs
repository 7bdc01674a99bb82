//! The document that says what a machine is (`harmonic detect --json`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::energy::PowerScope;
use crate::finding::Finding;
use crate::provenance::ProvenanceMap;
use crate::units::Bytes;

/// One machine, as detected or as a stored profile describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hardware {
    /// `harmonic.hardware/1`.
    pub schema: String,
    /// Stable name of the profile whose limits apply (`dgx-spark`, `cpu-generic` …).
    pub profile: String,
    /// What a person calls the machine (CPU or SoC model).
    pub name: String,
    /// Whether CPU and accelerator share one memory.
    pub unified_memory: bool,
    /// Memory that engines could ever use.
    pub memory_total_bytes: Bytes,
    /// Memory free right now (reclaimable page cache counts as free).
    pub memory_available_bytes: Bytes,
    /// floor(0.85 × min(total, cgroup limit)): what a plan may spend.
    pub memory_budget_bytes: Bytes,
    /// Parallelism at which throughput peaks, as far as the profile knows.
    pub peak_parallel: u32,
    /// Most sequences worth having in flight.
    pub max_parallel: u32,
    /// Compute devices, best first.
    pub devices: Vec<Device>,
    /// The energy meter, where one is readable.
    pub power: Option<PowerSource>,
    /// Environment variables that matter to an engine here.
    pub environment: BTreeMap<String, String>,
    /// What the owner should know.
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

/// What a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceKind {
    /// The processor.
    Cpu,
    /// A GPU with memory of its own.
    DiscreteGpu,
    /// A GPU that shares the system's memory.
    IntegratedGpu,
}

/// One compute device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// Stable within this machine: `cpu`, `gpu0` …
    pub id: String,
    /// What it is.
    pub kind: DeviceKind,
    /// Model name as the hardware states it.
    pub name: String,
    /// Memory the device can use, where it has its own.
    pub memory_bytes: Option<Bytes>,
    /// Usable hardware threads (CPU only): affinity and cgroup quota applied.
    pub threads: Option<u32>,
    /// Instruction sets that decide which weight formats are fast (`avx2`, `avx512_bf16`, `neon` …).
    pub features: Vec<String>,
}

/// Where power is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PowerSource {
    /// Interface (`rapl`, `nvml`, `amdgpu-hwmon` …).
    pub source: String,
    /// What the reading covers.
    pub scope: PowerScope,
}
