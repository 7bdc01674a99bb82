//! Swap in use: swapped-out pages are read back at disk speed.

use harmonic_hardware::Sysroot;
use harmonic_hardware::memory::Memory;
use harmonic_types::Bytes;

use super::{Advice, CheckResult, Severity};

const SWAPS: &str = "/proc/swaps";

/// Least use that is reported: some idle pages are always swapped.
const REPORTED_USE: Bytes = Bytes(256_000_000);

/// Reports swap in use. Compressed memory (zram) is counted separately: it is fast, and in memory.
pub(super) fn check(root: &Sysroot) -> CheckResult {
    let Some(text) = root.read(SWAPS)? else { return Ok(None) };
    let (mut disk, mut zram) = (Bytes::ZERO, Bytes::ZERO);
    for line in text.lines().skip(1).filter(|line| !line.trim().is_empty()) {
        let area = Area::parse(line)
            .ok_or_else(|| root.malformed(SWAPS, "a swap area with its use in kB", line))?;
        let sum = if area.is_zram { &mut zram } else { &mut disk };
        *sum = Bytes(sum.0.saturating_add(area.used.0));
    }
    let used = Bytes(disk.0.saturating_add(zram.0));
    if used < REPORTED_USE {
        return Ok(None);
    }
    let (severity, why) = if disk >= REPORTED_USE {
        // One token reads all weights; a good NVMe disk reads 3 GB/s, qwen3:8b is 5.03 GB.
        let why = "swapped-out weights are read back for every token: from a disk of 3 GB/s \
                   qwen3:8b (5.0 GB) gives 0.6 tok/s";
        (Severity::Warning, why.to_owned())
    } else {
        let why = format!(
            "compressed memory contains {zram} that would not fit otherwise, so the machine has no \
             memory for larger models"
        );
        (Severity::Note, why)
    };
    let hint = if Memory::read(root)?.available > used {
        "`sudo sh -c 'swapoff -a && swapon -a'` reads it back into memory"
    } else {
        "stop a program first (`ps -eo pid,rss,comm --sort=-rss | head`), then `sudo sh -c \
         'swapoff -a && swapon -a'`"
    };
    let message = format!("{used} of swap are in use");
    Ok(Some(Advice::new("swap-in-use", severity, message, why, hint)))
}

/// One line of `/proc/swaps`: file, type, size, used, priority; sizes in units of 1024 bytes.
struct Area {
    is_zram: bool,
    used: Bytes,
}

impl Area {
    fn parse(line: &str) -> Option<Self> {
        // From the right: a file's name may contain spaces.
        let mut fields = line.split_whitespace().rev();
        let used = fields.nth(1)?.parse::<u64>().ok()?.checked_mul(1024)?;
        let is_zram = line.starts_with("/dev/zram");
        Some(Self { is_zram, used: Bytes(used) })
    }
}
