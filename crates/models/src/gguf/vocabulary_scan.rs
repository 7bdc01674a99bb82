//! Facts about a vocabulary of any length, collected while its lists are read.
//!
//! Token lists are too long to keep (a quarter of a million texts), but llama.cpp aborts the
//! process on some errors in them.
//!
//! Invariant: at most [`MAX_TOKENS`] × 17 bytes while a header is read, some hundred after that.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::gguf::value::Value;

/// Maximum tokens of a vocabulary; the largest known ones have some 300,000.
pub const MAX_TOKENS: u64 = 1 << 21;
/// Maximum length of a token's text, in bytes.
pub(super) const MAX_TOKEN_BYTES: u64 = 1 << 20;

pub(super) const TOKENS: &str = "tokenizer.ggml.tokens";
pub(super) const TYPES: &str = "tokenizer.ggml.token_type";
pub(super) const SCORES: &str = "tokenizer.ggml.scores";
pub(super) const MERGES: &str = "tokenizer.ggml.merges";

/// Type of byte tokens (`LLAMA_TOKEN_TYPE_BYTE`).
const BYTE: i32 = 6;

/// Facts about a vocabulary.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VocabularyScan {
    /// GGUF element type of each tokenizer list.
    pub(super) element_types: BTreeMap<&'static str, u32>,
    /// Two tokens with the same text.
    pub(super) duplicate: Option<[u32; 2]>,
    /// A byte token.
    pub(super) byte_token: Option<u32>,
    /// A byte token whose text is not `<0xHH>`.
    pub(super) odd_byte: Option<u32>,
    /// A byte without a token.
    pub(super) absent_byte: Option<u8>,
}

/// A scanned tokenizer list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenizerList {
    Tokens,
    Types,
    Other(&'static str),
}

impl TokenizerList {
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

/// Collector of the facts.
#[derive(Debug, Default)]
pub(super) struct VocabularyScanner {
    element_types: BTreeMap<&'static str, u32>,
    /// Hash of each token's text, with its index.
    hashes: Vec<(u64, u32)>,
    spelled_as_byte: Vec<bool>,
    typed_as_byte: Vec<bool>,
    bytes: ByteSet,
}

/// Set of bytes with a token.
#[derive(Debug)]
struct ByteSet([bool; 256]);

impl Default for ByteSet {
    fn default() -> Self {
        Self([false; 256])
    }
}

impl VocabularyScanner {
    pub(super) fn start_list(&mut self, list: TokenizerList, element_type: u32) {
        self.element_types.insert(list.key(), element_type);
    }

    /// Adds the text of the next token.
    pub(super) fn token(&mut self, text: &[u8]) {
        let number = u32::try_from(self.hashes.len()).unwrap_or(u32::MAX);
        // llama.cpp reads up to the first NUL, and replaces an empty text.
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

    /// Adds the type of the next token.
    pub(super) fn token_type(&mut self, kind: i32) {
        self.typed_as_byte.push(kind == BYTE);
    }

    /// Adds an element of a list that is kept.
    pub(super) fn element(&mut self, list: TokenizerList, element: &Value) {
        match (list, element) {
            (TokenizerList::Tokens, Value::Text(text)) => self.token(text.as_bytes()),
            (TokenizerList::Types, Value::Signed(kind)) => {
                self.token_type(i32::try_from(*kind).unwrap_or(0));
            }
            _ => {}
        }
    }

    pub(super) fn finish(mut self) -> VocabularyScan {
        self.hashes.sort_unstable();
        let equal = |pair: &&[(u64, u32)]| pair[0].0 == pair[1].0;
        let duplicate = self.hashes.windows(2).find(equal).map(|pair| [pair[0].1, pair[1].1]);
        let tokens = self.spelled_as_byte.iter().zip(&self.typed_as_byte);
        let odd = tokens.enumerate().find(|(_, (spelled, typed))| **typed && !**spelled);
        let byte_token = self.typed_as_byte.iter().position(|typed| *typed);
        VocabularyScan {
            byte_token: byte_token.and_then(|at| u32::try_from(at).ok()),
            element_types: self.element_types,
            duplicate,
            odd_byte: odd.and_then(|(at, _)| u32::try_from(at).ok()),
            absent_byte: (0..=u8::MAX).find(|byte| !self.bytes.0[usize::from(*byte)]),
        }
    }
}

/// The byte of a text `<0xHH>`, in llama.cpp's spelling.
fn byte_of(text: &[u8]) -> Option<u8> {
    let [b'<', b'0', b'x', high, low, b'>'] = text else { return None };
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    };
    Some(digit(*high)? << 4 | digit(*low)?)
}
