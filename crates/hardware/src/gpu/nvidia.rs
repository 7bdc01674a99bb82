//! NVIDIA GPUs, from NVML.
//!
//! NVML does not state whether a GPU shares system memory, and its response for such a GPU has
//! changed with the driver (`docs/sources.md#nvml-and-unified-memory`). So two conditions must
//! hold: the memory that NVML states is consistent with it, and the GPU is integrated, by its name
//! or according to NVIDIA's driver library. The latter is queried only if needed.

use harmonic_types::{Bytes, Finding};

use crate::gpu::{Gpu, GpuMemory, GpuVendor};
use crate::nvml::{Nvml, NvmlError, NvmlMemory};

/// The driver of Tegra GPUs, part of their NVML name (`Orin (nvgpu)`). In a container the device
/// tree is masked, and only this identifies the chip.
pub const TEGRA_DRIVER: &str = "nvgpu";

/// Words in the names of GPUs that share system memory.
const INTEGRATED: [&str; 3] = ["GB10", "Thor", TEGRA_DRIVER];

/// Least share of `MemTotal`, in percent, at which a GPU's memory counts as the system's. The
/// driver and the kernel differ by memory reserved by the firmware; no card reaches this by
/// accident in a machine whose GPU is also integrated by name.
const SYSTEM_SHARE: u64 = 90;

/// All GPUs listed by `nvml`, with findings on missing facts. `system` is `MemTotal`.
///
/// # Errors
/// If NVML does not state their number or names.
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

/// Memory of the GPU `name`, or the inconclusive response. `integrated` queries the driver.
fn memory(
    name: &str,
    answer: Result<NvmlMemory, NvmlError>,
    system: Bytes,
    integrated: impl FnOnce() -> bool,
) -> Result<GpuMemory, String> {
    let by_name = INTEGRATED.iter().any(|word| name.contains(word));
    let is_consistent_with_sharing = match answer {
        Err(NvmlError::NotSupported) => true,
        Err(NvmlError::Other(_)) => false,
        Ok(NvmlMemory { total, .. }) => total == Bytes::ZERO || is_systems(total, system),
    };
    if is_consistent_with_sharing && (by_name || integrated()) {
        return Ok(GpuMemory::System);
    }
    match answer {
        Ok(NvmlMemory { total, .. }) if by_name => {
            Err(format!("{total}, although it shares {system} with the CPU"))
        }
        Ok(NvmlMemory { total: Bytes::ZERO, .. }) => Err("0 bytes".to_owned()),
        Ok(NvmlMemory { total, free }) => Ok(GpuMemory::Board { total, free }),
        Err(error) => Err(error.to_string()),
    }
}

/// Whether `total` can be all of the system's memory.
fn is_systems(total: Bytes, system: Bytes) -> bool {
    u128::from(total.0) * 100 >= u128::from(system.0) * u128::from(SYSTEM_SHARE)
}

fn unknown(name: &str, answer: &str) -> Finding {
    Finding::new(
        "nvidia-memory-unknown",
        format!(
            "the memory of the GPU {name} is unknown and excluded from these figures: NVML returns \
             {answer}"
        ),
        "`nvidia-smi -q -d MEMORY` shows the driver's figures; until it states the memory, the \
         CPU's figures apply",
    )
}

/// Finding for an installed but failing NVML.
pub fn failed(error: &NvmlError) -> Finding {
    Finding::new(
        "nvml-failed",
        format!("NVIDIA GPUs are excluded from these figures: NVML returns {error}"),
        "`nvidia-smi` shows the same error; after a driver update, reboot",
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
    fn a_known_integrated_gpu_is_unified_for_every_form_of_nvmls_response() {
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
    fn every_other_response_for_it_is_unknown() {
        for answer in [Ok(total(8128 << 20)), Err(NvmlError::Other("GPU_IS_LOST".to_owned()))] {
            assert!(memory("NVIDIA GB10", answer, SYSTEM, || true).is_err());
        }
    }

    #[test]
    fn another_gpu_without_memory_is_unknown() {
        for answer in [Err(NvmlError::NotSupported), Ok(total(0))] {
            assert!(memory("NVIDIA GeForce RTX 5090", answer, SYSTEM, || false).is_err());
        }
    }

    #[test]
    fn the_driver_is_not_queried_if_it_cannot_change_the_result() {
        let query = || unreachable!("the driver was queried");
        let card = memory("NVIDIA GeForce RTX 4090", Ok(total(24 << 30)), SYSTEM, query);
        assert!(matches!(card, Ok(GpuMemory::Board { .. })), "{card:?}");
        let lost = Err(NvmlError::Other("GPU_IS_LOST".to_owned()));
        assert!(memory("NVIDIA of tomorrow", lost, SYSTEM, query).is_err());
        let known = memory("NVIDIA GB10", Err(NvmlError::NotSupported), SYSTEM, query);
        assert_eq!(known, Ok(GpuMemory::System));
    }

    proptest! {
        /// A card with more memory than the machine is still a card.
        #[test]
        fn a_discrete_gpu_keeps_its_own_memory(bytes in 1_u64.., system in 0_u64..) {
            let found = memory("NVIDIA GeForce RTX 4090", Ok(total(bytes)), Bytes(system), || false);
            let expected = GpuMemory::Board { total: Bytes(bytes), free: Bytes(bytes / 2) };
            prop_assert_eq!(found, Ok(expected));
        }
    }
}
