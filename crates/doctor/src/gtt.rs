//! The limit of system memory usable by an AMD APU (GTT).

use harmonic_hardware::Sysroot;
use harmonic_hardware::memory::Memory;
use harmonic_types::{Bytes, Hardware};

use super::{Advice, CheckResult, Severity};

const CARDS: &str = "/sys/class/drm";

/// PCI vendor ID of AMD.
const VENDOR: &str = "0x1002";

/// Page size of the kernel's GTT limit, in bytes.
const PAGE: u64 = 4096;

/// Smallest loss that is reported, because the remedy requires a restart.
const REPORTED_LOSS: Bytes = Bytes(4_000_000_000);

/// Reports a limit well below the memory budget. The kernel's default is half the memory.
pub(super) fn check(root: &Sysroot, hardware: &Hardware) -> CheckResult {
    if !hardware.unified_memory {
        return Ok(None);
    }
    let mut limit = None;
    for name in root.list(CARDS)? {
        let device = format!("{CARDS}/{name}/device");
        let vendor = root.read(&format!("{device}/vendor"))?.unwrap_or_default();
        if vendor.trim() == VENDOR
            && let Some(text) = root.read(&format!("{device}/mem_info_gtt_total"))?
        {
            let bytes = text.trim().parse::<u64>().map_err(|_| {
                root.malformed(&format!("{device}/mem_info_gtt_total"), "a number of bytes", &text)
            })?;
            limit = limit.max(Some(Bytes(bytes)));
        }
    }
    let Some(limit) = limit else { return Ok(None) };
    let memory = Memory::read(root)?.total;
    let wanted = harmonic_hardware::detect::budget(memory);
    let lost = wanted.saturating_sub(limit);
    if lost < REPORTED_LOSS {
        return Ok(None);
    }
    let pages = wanted.0 / PAGE;
    Ok(Some(Advice::new(
        "gtt-limit",
        Severity::Warning,
        format!("the GPU may use {limit} of the {memory} of system memory (GTT)"),
        format!("{lost} of the memory budget are not accessible to the GPU"),
        format!(
            "`echo 'options ttm pages_limit={pages} page_pool_size={pages}' | sudo tee \
             /etc/modprobe.d/ttm.conf`, rebuild the initial RAM disk (Debian: `sudo \
             update-initramfs -u`) and restart"
        ),
    )))
}
