//! Ids of runs: 48 bits of time and 80 of chance, as ULIDs have them.

use harmonic_types::RunId;

/// Digits of Crockford's base 32: no I, L, O, U. Ascending in ASCII, so ids sort by time.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// What ids begin with.
const PREFIX: &str = "run_";

/// Digits of an id: 128 bits, 5 in each.
const LENGTH: usize = 26;

/// Latest time that an id can hold, in milliseconds since the Unix epoch: the year 10889.
const LATEST_MS: u64 = (1 << 48) - 1;

/// Maker of ids that ascend, also within a millisecond and when the clock is set back.
#[derive(Debug, Default)]
pub struct RunIds {
    last: Option<u128>,
}

impl RunIds {
    /// The next id, of a time in milliseconds since the Unix epoch and random bytes.
    pub fn next(&mut self, unix_ms: u64, random: [u8; 10]) -> RunId {
        let mut bytes = [0; 16];
        bytes[6..].copy_from_slice(&random);
        let fresh = (u128::from(unix_ms.min(LATEST_MS)) << 80) | u128::from_be_bytes(bytes);
        let next = match self.last {
            Some(last) if fresh <= last => last.saturating_add(1),
            _ => fresh,
        };
        self.last = Some(next);
        RunId(text(next))
    }
}

fn text(value: u128) -> String {
    let digits = (0..LENGTH).rev().map(|place| {
        let digit = usize::try_from((value >> (5 * place)) & 31).unwrap_or(0);
        char::from(DIGITS[digit])
    });
    PREFIX.chars().chain(digits).collect()
}

/// Whether `text` is an id that [`RunIds`] could have made; such a text is a safe file name.
pub fn is_run_id(text: &str) -> bool {
    // The first digit holds the upper 3 bits of 128.
    text.strip_prefix(PREFIX).is_some_and(|digits| {
        digits.len() == LENGTH
            && digits.bytes().all(|byte| DIGITS.contains(&byte))
            && digits.as_bytes()[0] <= b'7'
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_is_that_of_the_ulid_specification() {
        // The time and the bytes of ULID 01ARZ3NDEKTSV4RRFFQ69G5FAV, decoded by hand.
        let random = [0xd6, 0x76, 0x4c, 0x61, 0xef, 0xb9, 0x93, 0x02, 0xbd, 0x5b];
        let id = RunIds::default().next(1_469_922_850_259, random);
        assert_eq!(id.0, "run_01ARZ3NDEKTSV4RRFFQ69G5FAV");
    }

    #[test]
    fn the_latest_and_largest_id_is_still_one() {
        let mut ids = RunIds::default();
        for _ in 0..2 {
            assert_eq!(ids.next(u64::MAX, [0xff; 10]).0, "run_7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
        }
    }

    #[test]
    fn what_could_leave_the_store_is_no_id() {
        let long = format!("run_{}", "0".repeat(27));
        let texts = ["", "run_", "..", "run_../../../../../../../etc/pas", &long];
        let lower = "run_01arz3ndektsv4rrffq69g5fav";
        let beyond = "run_81ARZ3NDEKTSV4RRFFQ69G5FAV";
        for text in texts.into_iter().chain([lower, beyond]) {
            assert!(!is_run_id(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn ids_ascend_whatever_the_clock_does(
            times in proptest::collection::vec(prop_oneof![any::<u64>(), 0_u64..3], 2..20),
            random in any::<[u8; 10]>(),
        ) {
            let mut ids = RunIds::default();
            let made: Vec<RunId> = times.iter().map(|ms| ids.next(*ms, random)).collect();
            let is_largest = |id: &RunId| id.0.ends_with(&"Z".repeat(25));
            for pair in made.windows(2) {
                prop_assert!(pair[0] < pair[1] || is_largest(&pair[0]), "{:?}", pair);
            }
            prop_assert!(made.iter().all(|id| is_run_id(&id.0)), "{:?}", made);
        }
    }
}
