//! A GPU without a back end in this build.

use harmonic_hardware::Sysroot;
use harmonic_hardware::gpu::nvidia::TEGRA_DRIVER;
use harmonic_hardware::gpu::{self, GpuVendor};
use harmonic_types::{DeviceKind, Hardware};

use super::{Advice, CheckResult, Facts, Severity};

/// The back end for GPUs of all vendors.
const ANY_VENDOR: &str = "vulkan";

/// Reports GPUs of vendors without a back end in this build.
pub(super) fn check(root: &Sysroot, hardware: &Hardware, facts: &Facts) -> CheckResult {
    let built = |feature: &str| facts.back_ends.iter().any(|name| name == feature);
    let mut vendors = gpu::vendors(root)?;
    let gpus = hardware.devices.iter().filter(|device| device.kind != DeviceKind::Cpu);
    vendors.extend(gpus.filter_map(|gpu| vendor_by_name(&gpu.name)));
    vendors.sort_unstable();
    vendors.dedup();
    let unused: Vec<_> = vendors
        .into_iter()
        .filter(|vendor| !built(vendor.feature()) && !built(ANY_VENDOR))
        .collect();
    let Some(first) = unused.first() else { return Ok(None) };
    let names: Vec<String> = unused.iter().map(ToString::to_string).collect();
    Ok(Some(Advice::new(
        "gpu-unused",
        Severity::Warning,
        format!(
            "a GPU of {} was detected, but this build runs on the CPU only: plans count the CPU's \
             memory, not the GPU's",
            names.join(" and ")
        ),
        "each token reads all weights, and a GPU reads faster: third parties measured 215 GB/s on a Strix \
         Halo GPU, and 100 to 125 GB/s on its CPU",
        format!(
            "`cargo build --release --features {}` builds with GPU support (not yet tested on \
             hardware)",
            first.feature()
        ),
    )))
}

/// Vendor of a GPU that is not a PCI device (Jetson, Apple), by device name.
fn vendor_by_name(device: &str) -> Option<GpuVendor> {
    if device.contains(TEGRA_DRIVER) {
        return Some(GpuVendor::Nvidia);
    }
    [("NVIDIA", GpuVendor::Nvidia), ("Apple", GpuVendor::Apple)]
        .into_iter()
        .find_map(|(maker, vendor)| device.starts_with(maker).then_some(vendor))
}
