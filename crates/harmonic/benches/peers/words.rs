//! Texts that are not in any cache.

use std::cell::Cell;

/// Plain English words, one token each in most vocabularies. 64 of them, so that six bits select
/// one.
const WORDS: [&str; 64] = [
    "apple", "bridge", "candle", "desert", "engine", "forest", "garden", "harbor", "island",
    "jacket", "kitchen", "ladder", "market", "needle", "ocean", "paper", "quarter", "river",
    "silver", "table", "umbrella", "valley", "window", "yellow", "zero", "anchor", "basket",
    "circle", "dragon", "eagle", "feather", "guitar", "hammer", "iron", "jungle", "kettle",
    "lemon", "mirror", "nature", "orange", "pencil", "queen", "rocket", "shadow", "tunnel",
    "uncle", "velvet", "winter", "youth", "artist", "butter", "copper", "doctor", "energy",
    "falcon", "glass", "honey", "image", "jewel", "knight", "light", "museum", "north", "open",
];

/// Words that encode the number of a text: 64⁴ texts differ in their first words.
const NUMBER: usize = 4;

/// Source of texts, equal in every run.
#[derive(Debug, Default)]
pub struct Words {
    next: Cell<u64>,
}

impl Words {
    /// Shuffles `items` into a new order.
    pub fn shuffle<T>(&self, items: &mut [T]) {
        let number = self.next.get();
        self.next.set(number + 1);
        fastrand::Rng::with_seed(number).shuffle(items);
    }

    /// Text of `count` words with unique first words.
    pub fn fresh(&self, count: usize) -> String {
        let number = self.next.get();
        self.next.set(number + 1);
        // Low digits first, so that consecutive texts differ from the first word on.
        let mut digits = number;
        let mut random = fastrand::Rng::with_seed(number);
        let words = (0..count).map(|at| {
            let index = if at < NUMBER { digits & 63 } else { random.u64(..64) };
            digits >>= 6;
            usize::try_from(index).map_or("", |index| WORDS[index])
        });
        words.collect::<Vec<_>>().join(" ")
    }
}
