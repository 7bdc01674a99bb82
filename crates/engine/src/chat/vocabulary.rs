//! Vocabulary interface required by chat.

use harmonic_batching::Token;

use super::token_bound::TokenBound;

/// Vocabulary and chat template of a model.
pub trait Vocabulary: Send + Sync {
    /// Number of tokens; ids are below it.
    fn size(&self) -> u32;

    /// Tokenises plain `text`, without the start of text and without recognising control tokens.
    /// The caller removes the text of all other [`Special`] tokens first.
    fn tokenize(&self, text: &str) -> Vec<Token>;

    /// Lower bound of token counts; `None` if a token may cover any number of bytes.
    fn token_bound(&self) -> Option<TokenBound> {
        None
    }

    /// Tokenises text that directly continues plain text, without a leading space being inserted.
    fn tokenize_on(&self, text: &str) -> Vec<Token> {
        self.tokenize(text)
    }

    /// Tokens whose text in a prompt is recognised as the token.
    fn specials(&self) -> Vec<Special> {
        Vec::new()
    }

    /// Tokens around every prompt; the start is omitted if the prompt spells it.
    fn ends(&self) -> Ends {
        Ends::default()
    }

    /// Appends the bytes of `token` to `out`; none for control tokens.
    fn append_bytes(&self, token: Token, out: &mut Vec<u8>);

    /// Whether `token` ends the model's turn.
    fn ends_turn(&self, token: Token) -> bool;

    /// All tokens that end the model's turn.
    fn turn_ends(&self) -> Vec<Token>;

    /// Chat template (Jinja); `None` for a base model.
    fn chat_template(&self) -> Option<String>;

    /// Text of the start-of-text token, for the template; empty if there is none.
    fn bos_text(&self) -> String;

    /// Text of the end-of-text token, for the template; empty if there is none.
    fn eos_text(&self) -> String;
}

/// A token whose text in a prompt is recognised as the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Special {
    /// The token.
    pub token: Token,
    /// Its text.
    pub text: String,
    /// Whether it is a control token, recognised only on request. Others (llama.cpp's user-defined
    /// tokens) are recognised in any text.
    pub control: bool,
    /// Whether white space before it is dropped.
    pub trims_before: bool,
    /// Whether white space after it is dropped.
    pub trims_after: bool,
}

impl Special {
    /// A control token.
    pub fn control(token: Token, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { token, text, control: true, trims_before: false, trims_after: false }
    }

    /// Whether it is structural, so that client text must not produce it. Tokens recognised
    /// everywhere that are runs of blanks, plain words or single characters are not: to the model
    /// they are ordinary text.
    pub(super) fn is_structure(&self) -> bool {
        let plain = |c: char| c.is_alphanumeric() || c.is_whitespace() || c == '\u{2581}';
        self.control || (!self.text.chars().all(plain) && self.text.chars().nth(1).is_some())
    }
}

/// Tokens around every prompt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// Token before the prompt.
    pub start: Option<Token>,
    /// Token after the prompt.
    pub end: Option<Token>,
}
