//! The platform of a machine, which determines profile, memory and meter.
//!
//! Invariant: a platform needs positive evidence. A failure of NVIDIA's interface never results in
//! another vendor's platform, but in [`Platform::NvidiaUnknown`].
//!
//! Does not do: choose a profile (that is [`crate::profile`]).

use harmonic_types::Bytes;

use crate::gpu::nvidia::TEGRA_DRIVER;
use crate::gpu::{Gpu, GpuMemory, GpuVendor};
use crate::host::{Host, HostKind};

/// A platform, with the figures for its profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// NVIDIA GB10 (DGX Spark and equivalents of other makers): unified memory.
    DgxSpark,
    /// Another NVIDIA GPU that shares system memory (Thor outside of a Jetson).
    NvidiaUnified,
    /// NVIDIA cards with dedicated memory.
    NvidiaDiscrete {
        /// Number of cards.
        gpus: u32,
        /// Total memory of the cards.
        memory: Bytes,
    },
    /// An NVIDIA GPU with unknown memory: the CPU's figures apply.
    NvidiaUnknown,
    /// AMD gfx1151 (Ryzen AI MAX 300): unified memory, a part of it carved out for the GPU.
    StrixHalo {
        /// Memory accessible to the GPU: carve-out + GTT.
        memory: Bytes,
    },
    /// Another AMD APU.
    AmdApu {
        /// Memory accessible to the GPU: carve-out + GTT.
        memory: Bytes,
    },
    /// AMD cards with dedicated memory.
    AmdDiscrete {
        /// Number of cards.
        gpus: u32,
        /// Total memory of the cards.
        memory: Bytes,
    },
    /// NVIDIA Jetson: unified memory.
    Jetson,
    /// Apple Silicon: unified memory.
    Apple,
    /// No described GPU.
    Cpu,
}

/// Least SIMDs of an APU that counts as a platform: 8 compute units of RDNA. Desktop processors
/// have 2, which are slower than their CPU and read the same memory. Our choice, not measured.
const MIN_SIMDS: u32 = 16;

impl Platform {
    /// The platform of `host` with `gpus`; `nvidia_failed` if NVML failed.
    ///
    /// In order of precedence: a known board or system, NVIDIA, AMD. In a machine with both vendors
    /// the AMD GPU is nearly always the CPU's display output.
    pub fn of(host: &Host, gpus: &[Gpu], nvidia_failed: bool) -> Self {
        match host.kind {
            HostKind::Jetson => return Self::Jetson,
            HostKind::AppleSilicon { .. } => return Self::Apple,
            HostKind::Other => {}
        }
        Self::of_nvidia(gpus, nvidia_failed)
            .or_else(|| Self::of_amd(host, gpus))
            .unwrap_or(Self::Cpu)
    }

    fn of_nvidia(gpus: &[Gpu], failed: bool) -> Option<Self> {
        let gpus: Vec<&Gpu> = gpus.iter().filter(|gpu| gpu.vendor == GpuVendor::Nvidia).collect();
        if gpus.is_empty() {
            return failed.then_some(Self::NvidiaUnknown);
        }
        if let Some(unified) = gpus.iter().find(|gpu| gpu.memory == GpuMemory::System) {
            return Some(if unified.name.contains("GB10") {
                Self::DgxSpark
            } else if unified.name.contains(TEGRA_DRIVER) {
                Self::Jetson
            } else {
                Self::NvidiaUnified
            });
        }
        Some(match boards(&gpus) {
            Some((gpus, memory)) => Self::NvidiaDiscrete { gpus, memory },
            None => Self::NvidiaUnknown,
        })
    }

    fn of_amd(host: &Host, gpus: &[Gpu]) -> Option<Self> {
        let gpus: Vec<&Gpu> = gpus.iter().filter(|gpu| gpu.vendor == GpuVendor::Amd).collect();
        let discrete =
            boards(&gpus).map(|(gpus, memory)| (memory, Self::AmdDiscrete { gpus, memory }));
        let apu = gpus.iter().filter(|gpu| gpu.simds >= MIN_SIMDS).find_map(|gpu| {
            let GpuMemory::CarveOut { vram, gtt } = gpu.memory else { return None };
            let memory = vram.total + gtt.total.min(host.total());
            let is_strix_halo = gpu.features.iter().any(|feature| feature == "gfx1151");
            Some((
                memory,
                if is_strix_halo { Self::StrixHalo { memory } } else { Self::AmdApu { memory } },
            ))
        });
        // An APU and a card: the one with more memory.
        discrete.into_iter().chain(apu).max_by_key(|(memory, _)| *memory).map(|(_, found)| found)
    }

    /// Whether CPU and GPU share memory.
    pub fn is_unified(self) -> bool {
        match self {
            Self::DgxSpark
            | Self::NvidiaUnified
            | Self::StrixHalo { .. }
            | Self::AmdApu { .. }
            | Self::Jetson
            | Self::Apple => true,
            Self::NvidiaDiscrete { .. }
            | Self::NvidiaUnknown
            | Self::AmdDiscrete { .. }
            | Self::Cpu => false,
        }
    }
}

/// Number and total memory of the cards; `None` without a card.
fn boards(gpus: &[&Gpu]) -> Option<(u32, Bytes)> {
    let mut found = None;
    for gpu in gpus {
        if let GpuMemory::Board { total, .. } = gpu.memory {
            let (count, sum) = found.unwrap_or((0, Bytes::ZERO));
            found = Some((count + 1, sum + total));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cgroup::Limits;
    use crate::cpu::Cpu;
    use crate::gpu::MemoryRegion;
    use crate::memory::Memory;

    fn host(total: Bytes) -> Host {
        Host {
            cpu: Cpu { name: "any".to_owned(), threads: 16, features: Vec::new() },
            memory: Memory { total, available: total },
            limits: Limits::default(),
            kind: HostKind::Other,
        }
    }

    fn gpu(vendor: GpuVendor, memory: GpuMemory, simds: u32, gfx: &str) -> Gpu {
        let features = vec![gfx.to_owned()];
        Gpu { vendor, name: "any".to_owned(), memory, simds, features, render_node: None }
    }

    fn carve_out(vram: u64, gtt: u64) -> GpuMemory {
        let extent = |total| MemoryRegion { total: Bytes(total), used: Bytes::ZERO };
        GpuMemory::CarveOut { vram: extent(vram), gtt: extent(gtt) }
    }

    fn board(total: u64) -> GpuMemory {
        GpuMemory::Board { total: Bytes(total), free: Bytes(total) }
    }

    #[test]
    fn an_apu_is_a_platform_by_its_size_and_a_card_by_its_memory() {
        let host = host(Bytes(1_000));
        let display = gpu(GpuVendor::Amd, carve_out(512, 500), 4, "gfx1036");
        let strix_point = gpu(GpuVendor::Amd, carve_out(512, 500), 32, "gfx1150");
        let card = gpu(GpuVendor::Amd, board(400), 192, "gfx1100");
        for (gpus, expected) in [
            (vec![display.clone()], Platform::Cpu),
            (vec![strix_point.clone()], Platform::AmdApu { memory: Bytes(1_012) }),
            (vec![display, card.clone()], Platform::AmdDiscrete { gpus: 1, memory: Bytes(400) }),
            (vec![card, strix_point], Platform::AmdApu { memory: Bytes(1_012) }),
        ] {
            assert_eq!(Platform::of(&host, &gpus, false), expected);
            assert_eq!(Platform::of(&host, &gpus, true), Platform::NvidiaUnknown);
        }
    }

    proptest! {
        /// For any GTT size of a driver, the part of the system is at most the system's memory.
        #[test]
        fn an_apu_never_has_more_than_its_carve_out_and_the_system(
            vram in 0_u64..1 << 40, gtt in 0_u64.., system in 0_u64..1 << 40,
        ) {
            let gpus = [gpu(GpuVendor::Amd, carve_out(vram, gtt), 80, "gfx1151")];
            let Platform::StrixHalo { memory } = Platform::of(&host(Bytes(system)), &gpus, false)
            else { return Err(TestCaseError::fail("not a Strix Halo")) };
            prop_assert!(memory <= Bytes(vram + system));
            prop_assert!(memory >= Bytes(vram));
        }
    }
}
