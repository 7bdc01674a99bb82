//! The synced mark: how much of a journal is known to be on the device.
//!
//! Invariants: the mark is never above what was flushed. It is written in place after each flush
//! and not flushed itself, so it survives the end of the process; after a power failure it may be
//! an older one, which only makes recovery less strict. One that cannot be read counts as zero.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use sha2::{Digest as _, Sha256};

use crate::folder::Folder;

/// Name of the file.
pub(crate) const NAME: &str = "synced";

/// Digits of the mark, and of its checksum.
const DIGITS: usize = 20;
const SUM: usize = 4;

/// Length of the file: mark, space, checksum, line feed.
const LENGTH: usize = DIGITS + 1 + 2 * SUM + 1;

/// The mark of a journal that is open for writing.
#[derive(Debug)]
pub(crate) struct SyncedMark {
    file: File,
}

impl SyncedMark {
    pub(crate) const fn new(file: File) -> Self {
        Self { file }
    }

    /// States that `bytes` of the journal are on the device. A failure leaves the older mark, or
    /// none, and is no error: the entry is synced.
    pub(crate) fn set(&self, bytes: u64) {
        let _ = self.file.write_all_at(text(bytes).as_bytes(), 0);
    }
}

/// The mark in the folder of a run.
pub(crate) fn read(folder: &Folder) -> u64 {
    let content = folder.read(NAME, LENGTH as u64);
    content.ok().flatten().and_then(|content| parse(&content)).unwrap_or(0)
}

fn parse(content: &[u8]) -> Option<u64> {
    let mark = std::str::from_utf8(content.get(..DIGITS)?).ok()?.parse().ok()?;
    (text(mark).as_bytes() == content).then_some(mark)
}

fn text(mark: u64) -> String {
    let digits = format!("{mark:020}");
    let digest = Sha256::digest(&digits);
    format!("{digits} {}\n", hex::encode(&digest[..SUM]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_back_and_a_changed_one_is_none() {
        for mark in [0, 1, 12_345, u64::MAX] {
            let content = text(mark).into_bytes();
            assert_eq!(content.len(), LENGTH);
            assert_eq!(parse(&content), Some(mark));
            for at in 0..content.len() {
                let mut changed = content.clone();
                changed[at] ^= 1;
                assert_eq!(parse(&changed), None, "{at}");
                assert_eq!(parse(&content[..at]), None);
            }
        }
    }
}
