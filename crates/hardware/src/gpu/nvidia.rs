//! NVIDIA's GPUs, from NVML's answers.
//!
//! NVML says nothing of whether a GPU shares the system's memory, and the ways it answers for one
//! that does have changed with the driver (`docs/sources.md#nvml-and-unified-memory`). So two things
//! must agree: what it answers for the memory, and that the GPU is integrated, by its name or by what
//! NVIDIA's driver library says. The driver is asked only where its answer decides.

use harmonic_types::{Bytes, Finding};

use crate::gpu::{Gpu, GpuMemory, GpuVendor};
use crate::nvml::{Nvml, NvmlError, NvmlMemory};

/// The driver of Tegra's GPUs, by which NVML calls them (`Orin (nvgpu)`). In a container the device
/// tree is masked, and this is all that names the chip.
pub const TEGRA_DRIVER: &str = "nvgpu";

/// Words of the names of GPUs that share the system's memory.
const INTEGRATED: [&str; 3] = ["GB10", "Thor", TEGRA_DRIVER];

/// Share of `MemTotal` from which a GPU's memory is taken for the system's own, in percent. The
/// driver and the kernel differ by what the firmware keeps; no card comes so near by accident in a
/// machine whose GPU is also integrated by name.
const SYSTEM_SHARE: u64 = 90;

/// All GPUs that `nvml` lists, and what it refused to say of them. `system` is `MemTotal`.
///
/// # Errors
/// When NVML does not even count or name them.
pub fn gpus(nvml: &dyn Nvml, system: Bytes) -> Result<(Vec<Gpu>, Vec<Finding>), NvmlError> {
    let mut gpus = Vec::new();
    let mut findings = Vec::new();
    for index in 0..nvml.count()? {
        let name = nvml.name(index)?;
        let integrated = || nvml.integrated(index) == Some(true);
        let memory = memory(&name, nvml.memory(index), system, integrated);
        let memory = memory.unwrap_or_else(|answer| {
            findings.push(unknown(&name, &answer));
            GpuMemory::Unknown
        });
        gpus.push(Gpu {
            vendor: GpuVendor::Nvidia,
            name,
            memory,
            simds: 0,
            features: Vec::new(),
            render_node: None,
        });
    }
    Ok((gpus, findings))
}

/// Where the memory of the GPU `name` is, or the answer that does not tell. `integrated` is what
/// the driver says, if it says so.
fn memory(
    name: &str,
    answer: Result<NvmlMemory, NvmlError>,
    system: Bytes,
    integrated: impl FnOnce() -> bool,
) -> Result<GpuMemory, String> {
    let by_name = INTEGRATED.iter().any(|word| name.contains(word));
    let as_of_one_that_shares = match answer {
        Err(NvmlError::NotSupported) => true,
        Err(NvmlError::Other(_)) => false,
        Ok(NvmlMemory { total, .. }) => total == Bytes::ZERO || is_systems(total, system),
    };
    if as_of_one_that_shares && (by_name || integrated()) {
        return Ok(GpuMemory::System);
    }
    match answer {
        Ok(NvmlMemory { total, .. }) if by_name => {
            Err(format!("{total}, while it shares {system} with the CPU"))
        }
        Ok(NvmlMemory { total: Bytes::ZERO, .. }) => Err("0 bytes".to_owned()),
        Ok(NvmlMemory { total, free }) => Ok(GpuMemory::Board { total, free }),
        Err(error) => Err(error.to_string()),
    }
}

/// Whether `total` can be the whole of the system's memory.
fn is_systems(total: Bytes, system: Bytes) -> bool {
    u128::from(total.0) * 100 >= u128::from(system.0) * u128::from(SYSTEM_SHARE)
}

fn unknown(name: &str, answer: &str) -> Finding {
    Finding::new(
        "nvidia-memory-unknown",
        format!(
            "the memory of the GPU {name} is unknown and in none of these figures: NVML answers \
             {answer}"
        ),
        "`nvidia-smi -q -d MEMORY` shows what the driver says; until it states the memory, the \
         CPU's figures apply",
    )
}

/// What the owner should know when NVML is installed and cannot be asked.
pub fn failed(error: &NvmlError) -> Finding {
    Finding::new(
        "nvml-failed",
        format!("NVIDIA's GPUs are in none of these figures: NVML answers {error}"),
        "`nvidia-smi` shows the same error; after an update of the driver a restart mends it",
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SYSTEM: Bytes = Bytes(127_600_748 * 1024);

    fn total(total: u64) -> NvmlMemory {
        NvmlMemory { total: Bytes(total), free: Bytes(total / 2) }
    }

    #[test]
    fn a_known_integrated_gpu_is_unified_however_nvml_says_so() {
        for answer in
            [Err(NvmlError::NotSupported), Ok(total(0)), Ok(total(SYSTEM.0)), Ok(total(128 << 30))]
        {
            for (name, integrated) in [
                ("NVIDIA GB10", false),
                ("NVIDIA Thor", false),
                ("Orin (nvgpu)", false),
                ("NVIDIA of tomorrow", true),
            ] {
                let found = memory(name, answer.clone(), SYSTEM, || integrated);
                assert_eq!(found, Ok(GpuMemory::System), "{name}");
            }
        }
    }

    #[test]
    fn every_other_answer_for_it_is_unknown() {
        for answer in [Ok(total(8128 << 20)), Err(NvmlError::Other("GPU_IS_LOST".to_owned()))] {
            assert!(memory("NVIDIA GB10", answer, SYSTEM, || true).is_err());
        }
    }

    #[test]
    fn another_gpu_without_a_memory_is_unknown() {
        for answer in [Err(NvmlError::NotSupported), Ok(total(0))] {
            assert!(memory("NVIDIA GeForce RTX 5090", answer, SYSTEM, || false).is_err());
        }
    }

    #[test]
    fn the_driver_is_not_asked_where_it_cannot_change_the_answer() {
        let asked = || unreachable!("the driver was asked");
        let card = memory("NVIDIA GeForce RTX 4090", Ok(total(24 << 30)), SYSTEM, asked);
        assert!(matches!(card, Ok(GpuMemory::Board { .. })), "{card:?}");
        let lost = Err(NvmlError::Other("GPU_IS_LOST".to_owned()));
        assert!(memory("NVIDIA of tomorrow", lost, SYSTEM, asked).is_err());
        let known = memory("NVIDIA GB10", Err(NvmlError::NotSupported), SYSTEM, asked);
        assert_eq!(known, Ok(GpuMemory::System));
    }

    proptest! {
        /// A card that is larger than the machine's memory stays a card.
        #[test]
        fn a_discrete_gpu_keeps_its_own_memory(bytes in 1_u64.., system in 0_u64..) {
            let found = memory("NVIDIA GeForce RTX 4090", Ok(total(bytes)), Bytes(system), || false);
            let expected = GpuMemory::Board { total: Bytes(bytes), free: Bytes(bytes / 2) };
            prop_assert_eq!(found, Ok(expected));
        }
    }
}
