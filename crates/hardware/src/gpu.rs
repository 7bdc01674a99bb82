//! GPUs that the kernel lists. This cut only names them: what memory they can use, and whether it
//! is their own, needs each vendor's interface.
//!
//! Invariant: seeing a GPU never changes a figure of the machine.

use std::fmt;

use harmonic_types::Finding;

use crate::error::HardwareError;
use crate::sysroot::Sysroot;

/// A vendor whose GPUs llama.cpp can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GpuVendor {
    /// PCI vendor 0x10de, or NVIDIA's own driver.
    Nvidia,
    /// PCI vendor 0x1002.
    Amd,
    /// PCI vendor 0x8086.
    Intel,
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
    fn feature(self) -> &'static str {
        match self {
            Self::Nvidia => "cuda",
            Self::Amd => "rocm",
            Self::Intel => "vulkan",
        }
    }
}

impl fmt::Display for GpuVendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Nvidia => "NVIDIA",
            Self::Amd => "AMD",
            Self::Intel => "Intel",
        })
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

/// What the owner should know of a GPU of `vendor`.
pub fn unused(vendor: GpuVendor) -> Finding {
    Finding::new(
        "gpu-not-described",
        format!(
            "a GPU of {vendor} was seen; this version describes and plans for the CPU only, so the \
             GPU's memory and speed are in none of these figures"
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
