//! Suggestion of a known name for an unknown one.

/// Least similarity of a suggestion, from 0 to 1: two letters in the wrong order, a letter too many
/// or a missing end pass, another word does not.
const SIMILAR: f64 = 0.8;

/// Longest name that is compared, in bytes; the effort grows with its square.
const LONGEST: usize = 200;

/// The name among `known` that `given` resembles most, if any does.
pub fn closest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if given.is_empty() || given.len() > LONGEST {
        return None;
    }
    let given = given.to_lowercase();
    let similarity = |name: &str| strsim::jaro_winkler(&given, &name.to_lowercase());
    let candidates = known.into_iter().map(|name| (similarity(name), name));
    let similar = candidates.filter(|(similarity, _)| *similarity >= SIMILAR);
    // Of equals the first.
    let best = similar.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.map(|(_, name)| name)
}

/// End of an error's first clause: the name that `given` resembles, or nothing.
pub fn did_you_mean<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    closest(given, known).map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised_and_another_word_is_not() {
        let known = ["standard", "full", "minimal", "dev", "starter", "qwen3:14b", "dgx-spark"];
        for (given, meant) in [
            ("standrad", "standard"),
            ("Standard", "standard"),
            ("stand", "standard"),
            ("startr", "starter"),
            ("qwen3-14b", "qwen3:14b"),
            ("dgx_spark", "dgx-spark"),
            ("dgx", "dgx-spark"),
        ] {
            assert_eq!(closest(given, known), Some(meant), "{given}");
        }
        for other in ["", "plumber", "gpt:9", "x", &"a".repeat(100_000)] {
            assert_eq!(closest(other, known), None, "{other}");
        }
        assert_eq!(did_you_mean("ful", known), " (did you mean `full`?)");
        assert_eq!(did_you_mean("plumber", known), "");
    }
}
