//! System memory, before limits on this process.

use harmonic_types::Bytes;

use crate::error::HardwareError;
use crate::sysroot::Sysroot;

/// `/proc/meminfo` of the machine (or of the virtual machine).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// `MemTotal`.
    pub total: Bytes,
    /// `MemAvailable`: free memory and memory that the kernel can reclaim without swapping. Swap is
    /// excluded: decoding from swapped weights runs at disk speed.
    pub available: Bytes,
}

const MEMINFO: &str = "/proc/meminfo";

impl Memory {
    /// Reads `/proc/meminfo`.
    ///
    /// # Errors
    /// If the file is absent or lacks a field (`MemAvailable` exists since Linux 3.14).
    pub fn read(root: &Sysroot) -> Result<Self, HardwareError> {
        let text = root.require(MEMINFO, "memory")?;
        let field = |name, expected| {
            kilobytes(&text, name).ok_or_else(|| root.malformed(MEMINFO, expected, &text))
        };
        Ok(Self {
            total: field("MemTotal", "MemTotal in kB")?,
            available: field("MemAvailable", "MemAvailable in kB")?,
        })
    }
}

/// The field `name` of a meminfo text; the kernel's kB are 1024 bytes.
fn kilobytes(text: &str, name: &str) -> Option<Bytes> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let number = line.trim().strip_suffix("kB")?.trim();
    number.parse::<u64>().ok()?.checked_mul(1024).map(Bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_complete_name() {
        let text = "MemTotalOther: 1 kB\nMemTotal:       24683656 kB\nSwapTotal: x kB\nHuge: 3\n";
        assert_eq!(kilobytes(text, "MemTotal"), Some(Bytes(24_683_656 * 1024)));
        for absent in ["SwapTotal", "Huge", "MemAvailable"] {
            assert_eq!(kilobytes(text, absent), None, "{absent}");
        }
        assert_eq!(kilobytes(&format!("A: {} kB", u64::MAX), "A"), None);
    }
}
