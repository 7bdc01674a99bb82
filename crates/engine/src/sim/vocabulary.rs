//! Vocabulary of the simulated machine: bytes and an end of turn.

use harmonic_batching::Token;
use harmonic_perfmodel::mix;

use crate::chat::{TokenBound, Vocabulary};

/// Number of tokens: all bytes and the end of turn.
pub(super) const SIZE: usize = 257;
const END: Token = Token(256);

/// Vocabulary with one token per byte.
#[derive(Clone, Copy, Debug, Default)]
pub struct SimVocabulary;

impl Vocabulary for SimVocabulary {
    fn size(&self) -> u32 {
        257
    }

    fn tokenize(&self, text: &str) -> Vec<Token> {
        text.bytes().map(|byte| Token(i32::from(byte))).collect()
    }

    fn token_bound(&self) -> Option<TokenBound> {
        let bytes: Vec<u8> = (0..=u8::MAX).collect();
        Some(TokenBound::of(bytes.chunks(1).map(|byte| (byte, true))))
    }

    fn append_bytes(&self, token: Token, out: &mut Vec<u8>) {
        out.extend(u8::try_from(token.0));
    }

    fn ends_turn(&self, token: Token) -> bool {
        token == END
    }

    fn turn_ends(&self) -> Vec<Token> {
        vec![END]
    }

    fn chat_template(&self) -> Option<String> {
        let turns = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>";
        Some(turns.to_owned())
    }

    fn bos_text(&self) -> String {
        String::new()
    }

    fn eos_text(&self) -> String {
        String::new()
    }
}

/// Writes the logits after the tokens with `hash`: letters and spaces are likely, the end of turn
/// is occasional.
pub(super) fn logits(hash: u64, logits: &mut [f32]) {
    for (token, logit) in (0u64..).zip(logits.iter_mut()) {
        let noise = (mix(hash ^ (token << 32)) >> 40) as f32 / (1u64 << 24) as f32;
        let bias = match u8::try_from(token) {
            Ok(b'a'..=b'z') => 8.0,
            Ok(b' ') => 8.5,
            Ok(_) => -8.0,
            Err(_) => 6.2,
        };
        *logit = bias + 3.0 * noise;
    }
}
