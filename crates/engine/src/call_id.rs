//! Ids of tool calls.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Characters of an id. Ids have nine of them, as Mistral's templates require.
const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const LENGTH: u32 = 9;

/// Counter with a random start, as a conversation may hold ids of an earlier process.
static NEXT: LazyLock<AtomicU64> = LazyLock::new(|| AtomicU64::new(fastrand::u64(..)));

/// A new id of a tool call, unique within this process up to 36⁹ ids.
pub fn next_call_id() -> String {
    let mut left = NEXT.fetch_add(1, Ordering::Relaxed) % 36u64.pow(LENGTH);
    let mut id = String::new();
    for _ in 0..LENGTH {
        // Below 36.
        id.push(char::from(DIGITS[usize::try_from(left % 36).unwrap_or(0)]));
        left /= 36;
    }
    id
}
