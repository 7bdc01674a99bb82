//! GPUs: names, memory and features.
//!
//! Each vendor has a module of its own, which reads that vendor's interface only.
//!
//! Invariant: a GPU without a description never changes a figure of the machine.

use std::fmt;

use harmonic_types::{Bytes, Device, DeviceKind, Finding};

use crate::error::HardwareError;
use crate::sysroot::Sysroot;

pub mod amd;
pub mod nvidia;

/// Vendor of GPUs supported by llama.cpp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GpuVendor {
    /// PCI vendor 0x10de, or NVIDIA's own driver.
    Nvidia,
    /// PCI vendor 0x1002.
    Amd,
    /// PCI vendor 0x8086.
    Intel,
    /// Not a PCI device.
    Apple,
}

impl GpuVendor {
    /// Vendor of a sysfs `vendor` file; display adapters of servers and virtual machines have other
    /// vendors and are not compute devices.
    fn from_pci(vendor: &str) -> Option<Self> {
        match vendor.trim() {
            "0x10de" => Some(Self::Nvidia),
            "0x1002" => Some(Self::Amd),
            "0x8086" => Some(Self::Intel),
            _ => None,
        }
    }

    /// The cargo feature with its back end.
    pub fn feature(self) -> &'static str {
        match self {
            Self::Nvidia => "cuda",
            Self::Amd => "rocm",
            Self::Intel => "vulkan",
            Self::Apple => "metal",
        }
    }
}

impl fmt::Display for GpuVendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Nvidia => "NVIDIA",
            Self::Amd => "AMD",
            Self::Intel => "Intel",
            Self::Apple => "Apple",
        })
    }
}

/// A region of memory with its use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryRegion {
    /// Size.
    pub total: Bytes,
    /// Used part, at most `total`.
    pub used: Bytes,
}

impl MemoryRegion {
    /// Unused part.
    pub fn free(self) -> Bytes {
        self.total.saturating_sub(self.used)
    }
}

/// Memory of a GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GpuMemory {
    /// All system memory.
    System,
    /// A region reserved by the firmware, and system memory through GTT.
    CarveOut {
        /// The region reserved at boot, which `MemTotal` excludes.
        vram: MemoryRegion,
        /// System memory accessible to the driver.
        gtt: MemoryRegion,
    },
    /// Dedicated memory of a graphics card.
    Board {
        /// Size.
        total: Bytes,
        /// Free now.
        free: Bytes,
    },
    /// Not stated by the vendor's interface.
    Unknown,
}

/// One GPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gpu {
    /// Vendor.
    pub vendor: GpuVendor,
    /// Model name as stated by the interface.
    pub name: String,
    /// Memory for weights.
    pub memory: GpuMemory,
    /// SIMD units; zero if the interface does not state them.
    pub simds: u32,
    /// Instruction set (`gfx1151`), if stated.
    pub features: Vec<String>,
    /// Number of the DRM render node (`renderD128` → 128), if any.
    pub render_node: Option<u32>,
}

impl Gpu {
    /// The device entry in the machine's description.
    pub fn device(&self, index: usize) -> Device {
        let (kind, memory_bytes) = match self.memory {
            GpuMemory::System | GpuMemory::CarveOut { .. } => (DeviceKind::IntegratedGpu, None),
            GpuMemory::Board { total, .. } => (DeviceKind::DiscreteGpu, Some(total)),
            GpuMemory::Unknown => (DeviceKind::DiscreteGpu, None),
        };
        Device {
            id: format!("gpu{index}"),
            kind,
            name: self.name.clone(),
            memory_bytes,
            threads: None,
            features: self.features.clone(),
        }
    }
}

/// Vendors of the GPUs below `/sys/class/drm`, and NVIDIA if only its compute driver is loaded;
/// sorted, without duplicates.
///
/// # Errors
/// If a directory or file exists but cannot be read.
pub fn vendors(root: &Sysroot) -> Result<Vec<GpuVendor>, HardwareError> {
    let mut seen = Vec::new();
    for name in root.list("/sys/class/drm")? {
        let is_card = name
            .strip_prefix("card")
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()));
        if !is_card {
            continue; // connectors (`card0-HDMI-A-1`) and render nodes belong to a card
        }
        let vendor = root.read(&format!("/sys/class/drm/{name}/device/vendor"))?;
        seen.extend(vendor.as_deref().and_then(GpuVendor::from_pci));
    }
    if !root.list("/proc/driver/nvidia/gpus")?.is_empty() {
        seen.push(GpuVendor::Nvidia);
    }
    seen.sort_unstable();
    seen.dedup();
    Ok(seen)
}

/// Finding for a GPU of `vendor` without a description.
pub fn not_described(vendor: GpuVendor) -> Finding {
    let reason = match vendor {
        GpuVendor::Nvidia => "NVIDIA's management library (libnvidia-ml.so.1) is not installed",
        GpuVendor::Amd => "the kernel does not describe it below /sys/class/kfd (amdkfd)",
        GpuVendor::Intel | GpuVendor::Apple => "this version does not support it",
    };
    Finding::new(
        "gpu-not-described",
        format!(
            "a GPU of {vendor} was detected but {reason}, so these figures exclude its memory and \
             speed"
        ),
        format!(
            "`cargo build --release --features {}` builds with support for it (not yet tested on \
             hardware)",
            vendor.feature()
        ),
    )
}

/// Finding for an unreadable list of GPUs.
pub fn list_unreadable(error: &HardwareError) -> Finding {
    Finding::new(
        "gpu-list-unreadable",
        format!("the GPUs are unknown: {error}"),
        "grant this user read access to it; until then engines use the CPU",
    )
}
