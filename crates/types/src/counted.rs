//! Numbers of things in words.

use std::fmt::Display;

/// `number` of `thing`, which is named in the singular: `1 slot`, `2 slots`, `0 entries`.
pub fn counted<N: Copy + Display + PartialEq + From<u8>>(number: N, thing: &str) -> String {
    if number == N::from(1) {
        format!("{number} {thing}")
    } else {
        format!("{number} {}", many(thing))
    }
}

/// Plural of a regular noun.
fn many(thing: &str) -> String {
    let before_y = thing.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u']));
    match before_y {
        Some(stem) => format!("{stem}ies"),
        None if thing.ends_with(['s', 'x', 'z']) || thing.ends_with("ch") => format!("{thing}es"),
        None => format!("{thing}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn only_one_is_singular() {
        assert_eq!(["1 slot", "0 slots"], [counted(1_u32, "slot"), counted(0_u32, "slot")]);
        assert_eq!(counted(1_usize, "output token"), "1 output token");
        assert_eq!(counted(21_u64, "output token"), "21 output tokens");
        let plurals = ["entry", "key", "batch", "box", "bus"].map(|thing| counted(2_u8, thing));
        assert_eq!(plurals, ["2 entries", "2 keys", "2 batches", "2 boxes", "2 buses"]);
    }
}
