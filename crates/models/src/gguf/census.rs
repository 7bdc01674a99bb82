//! What must be known of a vocabulary of any length, noted while its lists go by.
//!
//! Lists of tokens are too long to keep (a quarter of a million texts); llama.cpp ends the process
//! over some of what can be wrong in them.
//!
//! Invariant: at most [`MAX_TOKENS`] × 17 bytes while a header is read, some hundred after that.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::gguf::value::Value;

/// Most tokens of a vocabulary; the largest ones known have some 300,000.
pub const MAX_TOKENS: u64 = 1 << 21;
/// Longest text of a token.
pub(super) const MAX_TOKEN_BYTES: u64 = 1 << 20;

pub(super) const TOKENS: &str = "tokenizer.ggml.tokens";
pub(super) const TYPES: &str = "tokenizer.ggml.token_type";
pub(super) const SCORES: &str = "tokenizer.ggml.scores";
pub(super) const MERGES: &str = "tokenizer.ggml.merges";

/// The type of a token that stands for a byte (`LLAMA_TOKEN_TYPE_BYTE`).
const BYTE: i32 = 6;

/// What was noted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Census {
    /// Type of the elements of each list of the tokenizer, as the format numbers it.
    pub(super) element_types: BTreeMap<&'static str, u32>,
    /// Two tokens with one text.
    pub(super) duplicate: Option<[u32; 2]>,
    /// A token that is typed as a byte and not spelled `<0xHH>`.
    pub(super) odd_byte: Option<u32>,
    /// A byte that no token stands for.
    pub(super) absent_byte: Option<u8>,
}

/// A list of the tokenizer that is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watched {
    Tokens,
    Types,
    Other(&'static str),
}

impl Watched {
    pub(super) fn of(key: &str) -> Option<Self> {
        match key {
            TOKENS => Some(Self::Tokens),
            TYPES => Some(Self::Types),
            SCORES => Some(Self::Other(SCORES)),
            MERGES => Some(Self::Other(MERGES)),
            _ => None,
        }
    }

    fn key(self) -> &'static str {
        match self {
            Self::Tokens => TOKENS,
            Self::Types => TYPES,
            Self::Other(key) => key,
        }
    }
}

/// Takes the notes.
#[derive(Debug, Default)]
pub(super) struct Taker {
    element_types: BTreeMap<&'static str, u32>,
    /// Of each token's text a hash, with its number.
    hashes: Vec<(u64, u32)>,
    spelled_as_byte: Vec<bool>,
    typed_as_byte: Vec<bool>,
    bytes: Bytes256,
}

/// Which bytes have a token.
#[derive(Debug)]
struct Bytes256([bool; 256]);

impl Default for Bytes256 {
    fn default() -> Self {
        Self([false; 256])
    }
}

impl Taker {
    pub(super) fn begins(&mut self, list: Watched, element_type: u32) {
        self.element_types.insert(list.key(), element_type);
    }

    /// The next token's text.
    pub(super) fn token(&mut self, text: &[u8]) {
        let number = u32::try_from(self.hashes.len()).unwrap_or(u32::MAX);
        // llama.cpp reads up to the first NUL, and gives an empty text a name.
        let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
        let mut hasher = DefaultHasher::new();
        if text.is_empty() {
            format!("[EMPTY_{number}]").as_bytes().hash(&mut hasher);
        } else {
            text.hash(&mut hasher);
        }
        self.hashes.push((hasher.finish(), number));
        let byte = byte_of(text);
        self.spelled_as_byte.push(byte.is_some());
        if let Some(byte) = byte.or(if let [byte] = text { Some(*byte) } else { None }) {
            self.bytes.0[usize::from(byte)] = true;
        }
    }

    /// The next token's type.
    pub(super) fn kind(&mut self, kind: i32) {
        self.typed_as_byte.push(kind == BYTE);
    }

    /// An element of a list that was short enough to keep.
    pub(super) fn element(&mut self, list: Watched, element: &Value) {
        match (list, element) {
            (Watched::Tokens, Value::Text(text)) => self.token(text.as_bytes()),
            (Watched::Types, Value::Signed(kind)) => self.kind(i32::try_from(*kind).unwrap_or(0)),
            _ => {}
        }
    }

    pub(super) fn finish(mut self) -> Census {
        self.hashes.sort_unstable();
        let equal = |pair: &&[(u64, u32)]| pair[0].0 == pair[1].0;
        let duplicate = self.hashes.windows(2).find(equal).map(|pair| [pair[0].1, pair[1].1]);
        let tokens = self.spelled_as_byte.iter().zip(&self.typed_as_byte);
        let odd = tokens.enumerate().find(|(_, (spelled, typed))| **typed && !**spelled);
        Census {
            element_types: self.element_types,
            duplicate,
            odd_byte: odd.and_then(|(at, _)| u32::try_from(at).ok()),
            absent_byte: (0..=u8::MAX).find(|byte| !self.bytes.0[usize::from(*byte)]),
        }
    }
}

/// The byte that `<0xHH>` stands for, in llama.cpp's own spelling.
fn byte_of(text: &[u8]) -> Option<u8> {
    let [b'<', b'0', b'x', high, low, b'>'] = text else { return None };
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    };
    Some(digit(*high)? << 4 | digit(*low)?)
}
