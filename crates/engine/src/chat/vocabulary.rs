//! What chat needs of a model's vocabulary.

use std::num::NonZeroU32;

use harmonic_sched::Token;

/// A model's vocabulary and chat template.
pub trait Vocabulary: Send + Sync {
    /// Tokens in all; their ids are below it.
    fn size(&self) -> u32;

    /// Tokens of `text`, control tokens spelled out in it included. Begins with the model's
    /// start-of-text token where the model wants one and `text` does not spell it already.
    fn tokenize(&self, text: &str) -> Vec<Token>;

    /// Most bytes of text, white space apart, that one token stands for; `None` where one may stand
    /// for any number, or some text has no token. [`super::ink_per_token`] tells it from the tokens.
    fn ink_per_token(&self) -> Option<NonZeroU32> {
        None
    }

    /// Appends the bytes of `token` to `out`; control tokens have none.
    fn append_bytes(&self, token: Token, out: &mut Vec<u8>);

    /// Whether `token` ends the model's turn.
    fn ends_turn(&self, token: Token) -> bool;

    /// All tokens that end the model's turn.
    fn turn_ends(&self) -> Vec<Token>;

    /// The model's chat template (Jinja); `None` for a base model.
    fn chat_template(&self) -> Option<String>;

    /// Text of the start-of-text token, for the template; empty if there is none.
    fn bos_text(&self) -> String;

    /// Text of the end-of-text token, for the template; empty if there is none.
    fn eos_text(&self) -> String;
}
