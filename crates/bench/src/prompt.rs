//! Unique prompts, which no prefix cache contains.
//!
//! Owns: the words of each request of a run.
//!
//! Invariants: the prompt of (seed, index) is always the same; two indices of one seed differ in
//! the first word, so a cache can share at most the system prompt; a prompt has exactly the
//! requested number of words, each of which is at least one token in any tokeniser.
//!
//! Does not do: count tokens (the target's usage reports them).

use harmonic_perfmodel::mix;

/// Common English words, one token each in most vocabularies. Their number is a power of two, so
/// that selection is unbiased.
const WORDS: [&str; 64] = [
    "apple", "bridge", "candle", "desert", "engine", "forest", "garden", "harbor", "island",
    "jacket", "kitchen", "ladder", "market", "needle", "ocean", "paper", "quarter", "river",
    "silver", "table", "umbrella", "valley", "window", "yellow", "zero", "anchor", "basket",
    "circle", "dragon", "eagle", "feather", "guitar", "hammer", "iron", "jungle", "kettle",
    "lemon", "mirror", "nature", "orange", "pencil", "queen", "rocket", "shadow", "tunnel",
    "uncle", "velvet", "winter", "youth", "artist", "butter", "copper", "doctor", "energy",
    "falcon", "glass", "honey", "image", "jewel", "knight", "light", "museum", "north", "open",
];

/// Prompts of one run.
#[derive(Clone, Copy, Debug)]
pub struct Prompts {
    seed: u64,
    words: u32,
}

impl Prompts {
    /// Prompts of `words` words each.
    pub const fn new(seed: u64, words: u32) -> Self {
        Self { seed, words }
    }

    /// Prompt of request `index`. Its first word is the nonce, 16 hexadecimal digits: `mix` is a
    /// bijection, so nonces are unique.
    pub fn get(&self, index: u64) -> String {
        let mut state = mix(self.seed ^ mix(index));
        let mut prompt = format!("{state:016x}");
        for _ in 1..self.words {
            state = mix(state);
            prompt.push(' ');
            // 64 words: the top six bits select one.
            prompt.push_str(WORDS[usize::try_from(state >> 58).unwrap_or(0)]);
        }
        prompt
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_prompt_is_its_seed_and_index() {
        let prompts = Prompts::new(7, 6);
        assert_eq!(prompts.get(3), prompts.get(3));
        insta::assert_snapshot!(prompts.get(0), @"64bf61b512ffabe7 table artist market apple image");
        assert_ne!(prompts.get(3), Prompts::new(8, 6).get(3));
    }

    #[test]
    fn first_words_never_repeat_and_counts_are_exact() {
        let prompts = Prompts::new(0, 24);
        let mut firsts = BTreeSet::new();
        for index in 0..2_000 {
            let prompt = prompts.get(index);
            assert_eq!(prompt.split(' ').count(), 24);
            assert!(firsts.insert(prompt.split(' ').next().unwrap().to_owned()), "{prompt}");
        }
    }
}
