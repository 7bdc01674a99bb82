//! GPUs: what they are called, and which memory they compute in.
//!
//! Each vendor's rule stands in a module of its own and reads that vendor's interface only.
//!
//! Invariant: seeing a GPU that no rule describes never changes a figure of the machine.

use std::fmt;

use harmonic_types::{Bytes, Device, DeviceKind, Finding};

use crate::error::HardwareError;
use crate::sysroot::Sysroot;

pub mod amd;
pub mod nvidia;

/// A vendor whose GPUs llama.cpp can use.
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
    /// From the text of a sysfs `vendor` file; display adapters of servers and virtual machines
    /// have other vendors and compute nothing.
    fn from_pci(vendor: &str) -> Option<Self> {
        match vendor.trim() {
            "0x10de" => Some(Self::Nvidia),
            "0x1002" => Some(Self::Amd),
            "0x8086" => Some(Self::Intel),
            _ => None,
        }
    }

    /// The cargo feature that builds an engine for it.
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

/// A part of memory and how much of it is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Size.
    pub total: Bytes,
    /// Taken, at most `total`.
    pub used: Bytes,
}

impl Extent {
    /// What is left.
    pub fn free(self) -> Bytes {
        self.total.saturating_sub(self.used)
    }
}

/// Which memory a GPU computes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GpuMemory {
    /// The system's memory, all of it.
    System,
    /// A part that the firmware took from the system's memory, and system memory through GTT.
    CarveOut {
        /// The part taken at start; the system does not count it in `MemTotal`.
        vram: Extent,
        /// What the driver may borrow from the system.
        gtt: Extent,
    },
    /// Memory on the card.
    Board {
        /// Size.
        total: Bytes,
        /// Not taken now.
        free: Bytes,
    },
    /// The vendor's interface did not say.
    Unknown,
}

/// One GPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gpu {
    /// Its maker.
    pub vendor: GpuVendor,
    /// Model name as the interface states it.
    pub name: String,
    /// Where its weights would lie.
    pub memory: GpuMemory,
    /// SIMD units; zero where the interface does not count them.
    pub simds: u32,
    /// Instruction set (`gfx1151`), where it is stated.
    pub features: Vec<String>,
    /// Number of the DRM render node (`renderD128` → 128), where there is one.
    pub render_node: Option<u32>,
}

impl Gpu {
    /// As the machine's document lists it.
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

/// Vendors of the GPUs below `/sys/class/drm`, and of NVIDIA's driver where no display driver is
/// loaded; sorted, each once.
///
/// # Errors
/// When a directory or file exists and cannot be read.
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

/// What the owner should know of a GPU of `vendor` that no rule describes.
pub fn undescribed(vendor: GpuVendor) -> Finding {
    let reason = match vendor {
        GpuVendor::Nvidia => "NVIDIA's management library (libnvidia-ml.so.1) is not installed",
        GpuVendor::Amd => "the kernel does not describe it below /sys/class/kfd (amdkfd)",
        GpuVendor::Intel | GpuVendor::Apple => "this version has no rule for it",
    };
    Finding::new(
        "gpu-not-described",
        format!(
            "a GPU of {vendor} was seen and {reason}, so its memory and speed are in none of these \
             figures"
        ),
        format!(
            "the engine can be built for it with `cargo build --release --features {}`, which is \
             not yet tested on hardware",
            vendor.feature()
        ),
    )
}

/// What the owner should know when the list of GPUs itself cannot be read.
pub fn unknown(error: &HardwareError) -> Finding {
    Finding::new(
        "gpu-list-unreadable",
        format!("whether there is a GPU is unknown: {error}"),
        "give this user read access to it; the CPU is described and used all the same",
    )
}
