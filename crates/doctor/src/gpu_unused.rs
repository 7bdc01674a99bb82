//! A GPU that this build of the engine has no back end for.

use harmonic_hardware::Sysroot;
use harmonic_hardware::gpu::nvidia::TEGRA_DRIVER;
use harmonic_hardware::gpu::{self, GpuVendor};
use harmonic_types::{DeviceKind, Hardware};

use super::{Advice, Examined, Facts, Severity};

/// The back end that serves every vendor.
const ANY_VENDOR: &str = "vulkan";

/// GPUs of vendors for which no back end is built in.
pub(super) fn examine(root: &Sysroot, hardware: &Hardware, facts: &Facts) -> Examined {
    let built = |feature: &str| facts.back_ends.iter().any(|name| name == feature);
    let mut vendors = gpu::vendors(root)?;
    let gpus = hardware.devices.iter().filter(|device| device.kind != DeviceKind::Cpu);
    vendors.extend(gpus.filter_map(|gpu| named(&gpu.name)));
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
            "a GPU of {} is here and this build runs on the CPU alone: its plans count the CPU's \
             memory, not the GPU's",
            names.join(" and ")
        ),
        "each token reads all weights, and a GPU reads faster: others measured 215 GB/s on a Strix \
         Halo, and 100 to 125 GB/s from its CPU",
        format!(
            "`cargo build --release --features {}` builds an engine for it (not yet tested on \
             hardware)",
            first.feature()
        ),
    )))
}

/// The vendor of a GPU that is no PCI device (Jetson, Apple), by the name of the machine.
fn named(device: &str) -> Option<GpuVendor> {
    if device.contains(TEGRA_DRIVER) {
        return Some(GpuVendor::Nvidia);
    }
    [("NVIDIA", GpuVendor::Nvidia), ("Apple", GpuVendor::Apple)]
        .into_iter()
        .find_map(|(maker, vendor)| device.starts_with(maker).then_some(vendor))
}
