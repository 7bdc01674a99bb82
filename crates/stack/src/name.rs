//! Valid names of stacks and agents.
//!
//! An agent's name is the model name of HTTP clients, the target of a handoff line and part of
//! file names, so it is restricted to characters that need no quoting in any of them.

/// Maximum length of a name in bytes.
pub const LONGEST: usize = 64;

/// The valid names, for errors.
pub(crate) const RULE: &str = "1 to 64 lowercase letters, digits, `_` and `-`";

/// Whether `name` is valid for a stack or an agent: 1 to 64 lowercase letters, digits, `_` and `-`.
pub fn is_valid(name: &str) -> bool {
    (1..=LONGEST).contains(&name.len())
        && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_pass() {
        for good in ["coder", "rust_coder-2", "x", &"a".repeat(64)] {
            assert!(is_valid(good), "{good}");
        }
        for bad in ["", "Coder", "my coder", "a/b", "käse", "a.b", &"a".repeat(65)] {
            assert!(!is_valid(bad), "{bad}");
        }
    }
}
