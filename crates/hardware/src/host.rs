//! The machine without its GPUs: CPU, system memory, and the limits on this process.

use harmonic_types::Bytes;

use crate::apple;
use crate::cgroup::Limits;
use crate::cpu::Cpu;
use crate::error::HardwareError;
use crate::memory::Memory;
use crate::sysroot::Sysroot;

/// Kind of a system, by which an integrated GPU is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostKind {
    /// An NVIDIA Tegra by the device tree: a Jetson module on a carrier board of any maker.
    Jetson,
    /// macOS on arm64.
    AppleSilicon {
        /// Memory that the GPU may wire, if the default was changed.
        wired_limit: Option<Bytes>,
    },
    /// Any other, whose GPUs are detected by vendor.
    Other,
}

/// A machine without its GPUs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// The CPU.
    pub cpu: Cpu,
    /// System memory, before any limit.
    pub memory: Memory,
    /// Limits on this process.
    pub limits: Limits,
    /// Kind of the system.
    pub kind: HostKind,
}

const MODEL: &str = "/proc/device-tree/model";
/// Names of board, module and chip, most specific first, each terminated by NUL.
const COMPATIBLE: &str = "/proc/device-tree/compatible";

/// The first Tegra whose GPU supports current CUDA (Jetson TX2): tegra186, then 194 (Xavier), 210
/// (Nano), 234 (Orin), 264 (Thor).
const FIRST_TEGRA: u32 = 186;

impl Host {
    /// Reads `/proc` and `/sys` of a Linux machine, or `sysctl` of a Mac.
    ///
    /// # Errors
    /// If the files with the memory or the CPU are absent or malformed.
    pub fn read(root: &Sysroot) -> Result<Self, HardwareError> {
        if let Some(host) = apple::host(root)? {
            return Ok(host);
        }
        let memory = Memory::read(root)?;
        let is_jetson = is_jetson(
            &root.read(MODEL)?.unwrap_or_default(),
            &root.read(COMPATIBLE)?.unwrap_or_default(),
        );
        Ok(Self {
            cpu: Cpu::read(root)?,
            memory,
            limits: Limits::read(root)?,
            kind: if is_jetson { HostKind::Jetson } else { HostKind::Other },
        })
    }

    /// min(system memory, limit).
    pub fn total(&self) -> Bytes {
        self.limits.memory.map_or(self.memory.total, |limit| limit.min(self.memory.total))
    }

    /// min(available memory, remainder of the limits).
    pub fn available(&self) -> Bytes {
        let available = self.memory.available;
        self.limits.memory_left.map_or(available, |left| left.min(available))
    }

    /// Logical CPUs available to this process: affinity and quota applied.
    pub fn threads(&self) -> u32 {
        self.limits.cpus.map_or(self.cpu.threads, |quota| quota.min(self.cpu.threads))
    }
}

/// Whether the machine is a Jetson: by the chip in the compatible list, or by the model name
/// without such a list. Model names vary: `JetPack` 5 has `NVIDIA Orin Nano Developer Kit`, other
/// makers have their own.
fn is_jetson(model: &str, compatible: &str) -> bool {
    let chip = |name: &str| {
        let number: String =
            name.strip_prefix("nvidia,tegra")?.chars().take_while(char::is_ascii_digit).collect();
        number.parse::<u32>().ok()
    };
    let mut chips = compatible.split('\0').filter_map(chip);
    chips.any(|number| number >= FIRST_TEGRA) || (compatible.is_empty() && model.contains("Jetson"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jetson_is_recognised_by_its_chip() {
        for (model, compatible) in [
            // JetPack 5 and 6.
            (
                "NVIDIA Orin Nano Developer Kit",
                "nvidia,p3768-0000+p3767-0005\0nvidia,p3767-0005\0nvidia,tegra234\0",
            ),
            (
                "NVIDIA Jetson AGX Orin Developer Kit",
                "nvidia,p3737-0000+p3701-0005\0nvidia,p3701-0005\0nvidia,tegra234\0",
            ),
            // JetPack 4, and 7.
            ("Jetson-AGX", "nvidia,p2972-0000\0nvidia,tegra194\0"),
            ("NVIDIA Jetson Nano Developer Kit", "nvidia,p3450-0000\0nvidia,tegra210\0"),
            ("NVIDIA Jetson AGX Thor Developer Kit", "nvidia,p4071-0000\0nvidia,tegra264\0"),
            // Another maker's carrier.
            ("Seeed reComputer J4012", "seeed,j401\0nvidia,p3767-0000\0nvidia,tegra234\0"),
            // A list that cannot be read.
            ("NVIDIA Jetson AGX Orin", ""),
        ] {
            assert!(is_jetson(model, compatible), "{model}");
        }
    }

    #[test]
    fn other_boards_are_not_recognised_as_a_jetson() {
        for (model, compatible) in [
            ("", ""),
            ("Raspberry Pi 5 Model B Rev 1.0", "raspberrypi,5-model-b\0brcm,bcm2712\0"),
            ("Toradex Apalis TK1", "toradex,apalis-tk1\0nvidia,tegra124\0"),
            ("NVIDIA DGX Spark", ""),
            ("Fake Jetson", "acme,board\0acme,soc\0"),
            ("Fake", "acme,nvidia,tegra234\0nvidia,tegra\0nvidia,tegrax234\0"),
        ] {
            assert!(!is_jetson(model, compatible), "{model}");
        }
    }
}
