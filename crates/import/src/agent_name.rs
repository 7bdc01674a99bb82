//! Names of agents from names of models.
//!
//! Invariant: a name from here is valid in a stack file and differs from those before it.

use std::collections::BTreeSet;

use harmonic_stack::{LONGEST_NAME, is_valid_name};

/// Name of an agent whose own has no character that is allowed.
const NAMELESS: &str = "agent";

/// The names given so far.
#[derive(Debug, Default)]
pub(crate) struct AgentNames {
    given: BTreeSet<String>,
}

impl AgentNames {
    /// A name for the model `name`: itself where it is valid and free.
    pub(crate) fn give(&mut self, name: &str) -> String {
        let name = valid(name);
        let mut free = name.clone();
        let mut number = 2_u32;
        while self.given.contains(&free) {
            let end = format!("-{number}");
            let kept = name.len().min(LONGEST_NAME.saturating_sub(end.len()));
            free = format!("{}{end}", &name[..kept]);
            number += 1;
        }
        self.given.insert(free.clone());
        free
    }
}

/// `name` in lower case, with `-` for each run of other characters.
fn valid(name: &str) -> String {
    if is_valid_name(name) {
        return name.to_owned();
    }
    let mut valid = String::new();
    for character in name.chars() {
        let character = character.to_ascii_lowercase();
        if character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_' {
            valid.push(character);
        } else if !valid.is_empty() && !valid.ends_with('-') {
            valid.push('-');
        }
        if valid.len() == LONGEST_NAME {
            break;
        }
    }
    let valid = valid.trim_end_matches('-');
    if valid.is_empty() { NAMELESS.to_owned() } else { valid.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_keeps_its_letters() {
        let mut names = AgentNames::default();
        let given =
            ["qwen3:4b", "qwen3.4b", "Qwen3:4B", "my_coder-2", "hf.co/a/B-GGUF:Q4_0", "日本", "::"];
        assert_eq!(
            given.map(|name| names.give(name)),
            [
                "qwen3-4b",
                "qwen3-4b-2",
                "qwen3-4b-3",
                "my_coder-2",
                "hf-co-a-b-gguf-q4_0",
                "agent",
                "agent-2"
            ]
        );
    }

    proptest! {
        #[test]
        fn any_names_become_valid_and_different_ones(names in vec(".{0,80}|[aA:]{60,70}", 0..20)) {
            let mut all = AgentNames::default();
            let given: BTreeSet<String> = names.iter().map(|name| all.give(name)).collect();
            prop_assert_eq!(given.len(), names.len());
            for name in given {
                prop_assert!(is_valid_name(&name), "{}", name);
            }
        }
    }
}
