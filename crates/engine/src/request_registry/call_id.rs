//! Names for calls of tools.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Digits and letters of an id; nine of them, as Mistral's templates want it.
const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const LENGTH: u32 = 9;

/// Where this process counts from: a conversation may hold ids of an earlier one.
static NEXT: LazyLock<AtomicU64> = LazyLock::new(|| AtomicU64::new(fastrand::u64(..)));

/// An id that this process has not given before, until 36⁹ were.
pub(super) fn next() -> String {
    let mut left = NEXT.fetch_add(1, Ordering::Relaxed) % 36u64.pow(LENGTH);
    let mut id = String::new();
    for _ in 0..LENGTH {
        // Below 36.
        id.push(char::from(DIGITS[usize::try_from(left % 36).unwrap_or(0)]));
        left /= 36;
    }
    id
}
