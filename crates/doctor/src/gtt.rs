//! The share of system memory that an AMD APU may use (GTT).

use harmonic_hardware::Sysroot;
use harmonic_hardware::memory::Memory;
use harmonic_types::{Bytes, Hardware};

use super::{Advice, Examined, Severity};

const CARDS: &str = "/sys/class/drm";

/// AMD, as PCI knows it.
const VENDOR: &str = "0x1002";

/// The kernel counts GTT in pages of this size.
const PAGE: u64 = 4096;

/// A smaller loss is not worth a restart.
const WORTH_A_RESTART: Bytes = Bytes(4_000_000_000);

/// A limit well below what a plan may spend. The kernel's own is half the memory.
pub(super) fn examine(root: &Sysroot, hardware: &Hardware) -> Examined {
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
    if lost < WORTH_A_RESTART {
        return Ok(None);
    }
    let pages = wanted.0 / PAGE;
    Ok(Some(Advice::new(
        "gtt-limit",
        Severity::Warning,
        format!("the GPU may use {limit} of the {memory} of system memory (GTT)"),
        format!("{lost} that a plan could spend stay out of the GPU's reach"),
        format!(
            "`echo 'options ttm pages_limit={pages} page_pool_size={pages}' | sudo tee \
             /etc/modprobe.d/ttm.conf`, rebuild the initial RAM disk (Debian: `sudo \
             update-initramfs -u`) and restart"
        ),
    )))
}
