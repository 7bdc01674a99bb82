//! Descriptions of machines by profile, in place of detection.

use std::collections::BTreeMap;

use harmonic_types::{Bytes, Device, DeviceKind, Hardware, Provenance, ProvenanceMap};

use super::{DGX_SPARK, GENERIC, Profile, RYZEN_AI_MAX_395, generic};
use crate::detect::budget;

/// A machine of a profile, with its limits.
struct Machine<'a> {
    profile: Profile,
    name: String,
    unified: bool,
    memory: Bytes,
    /// Source of `memory`.
    source: Provenance,
    /// Best first.
    devices: &'a [(DeviceKind, &'a str, Option<u32>)],
}

/// The machine of the profile `name`, for planning for another machine; `None` for an unknown name
/// ([`super::names`] lists them). It has no power meter, all memory available and no warnings.
pub fn named(name: &str) -> Option<Hardware> {
    const GPU: DeviceKind = DeviceKind::IntegratedGpu;
    const CPU: DeviceKind = DeviceKind::Cpu;
    // Memory: §2.1 and §2.2 of the paper; for the second machine the 92 GB of its 128 GB that the
    // BIOS assigns to the GPU. Threads: data sheets (20 Arm cores; 16 Zen 5 cores with 2 threads
    // each).
    let machine = match name {
        name if name == DGX_SPARK.name => Machine {
            profile: DGX_SPARK,
            name: "DGX Spark".to_owned(),
            unified: true,
            memory: Bytes::from_gb(128.0),
            source: Provenance::Paper,
            devices: &[(GPU, "NVIDIA GB10", None), (CPU, "Cortex-X925 and A725", Some(20))],
        },
        name if name == RYZEN_AI_MAX_395.name => Machine {
            profile: RYZEN_AI_MAX_395,
            name: "Ryzen AI MAX+ 395".to_owned(),
            unified: true,
            memory: Bytes::from_gb(92.0),
            source: Provenance::Paper,
            devices: &[(GPU, "Radeon 8060S", None), (CPU, "Ryzen AI MAX+ 395", Some(32))],
        },
        name => {
            let (_, gb) = GENERIC.iter().find(|(known, _)| *known == name)?;
            let memory = Bytes(u64::from(*gb) * 1_000_000_000);
            Machine {
                profile: generic(memory),
                name: "a generic machine".to_owned(),
                unified: false,
                memory,
                source: Provenance::Declared,
                devices: &[(CPU, "any", None)],
            }
        }
    };
    Some(machine.into_hardware())
}

impl Machine<'_> {
    fn into_hardware(self) -> Hardware {
        Hardware {
            schema: Hardware::SCHEMA.to_owned(),
            profile: self.profile.name.to_owned(),
            provenance: self.provenance(),
            devices: self.devices.iter().map(device).collect(),
            name: self.name,
            unified_memory: self.unified,
            memory_total_bytes: self.memory,
            memory_available_bytes: self.memory,
            memory_budget_bytes: budget(self.memory),
            peak_parallel: self.profile.peak_parallel,
            max_parallel: self.profile.max_parallel,
            power: None,
            environment: BTreeMap::new(),
            warnings: Vec::new(),
        }
    }

    fn provenance(&self) -> ProvenanceMap {
        let figures = [
            ("/memory_total_bytes", self.source),
            ("/memory_available_bytes", Provenance::Estimated),
            ("/memory_budget_bytes", Provenance::Estimated),
            ("/peak_parallel", self.profile.provenance),
            ("/max_parallel", self.profile.provenance),
            ("/devices", Provenance::Declared),
        ];
        figures.into_iter().map(|(pointer, source)| (pointer.to_owned(), source)).collect()
    }
}

fn device((kind, name, threads): &(DeviceKind, &str, Option<u32>)) -> Device {
    Device {
        id: if *kind == DeviceKind::Cpu { "cpu" } else { "gpu0" }.to_owned(),
        kind: *kind,
        name: (*name).to_owned(),
        memory_bytes: None,
        threads: *threads,
        features: Vec::new(),
    }
}
