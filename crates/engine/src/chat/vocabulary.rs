//! What chat needs of a model's vocabulary.

use harmonic_batching::Token;

use super::token_bound::TokenBound;

/// A model's vocabulary and chat template.
pub trait Vocabulary: Send + Sync {
    /// Tokens in all; their ids are below it.
    fn size(&self) -> u32;

    /// Tokens of plain `text`, without the start of text. Its callers leave no text of a
    /// [`Special`] in it but those that are read only on request, which this never does.
    fn tokenize(&self, text: &str) -> Vec<Token>;

    /// What tells from a text how many tokens it has at least; `None` where nothing does, because
    /// one token may stand for any number of bytes.
    fn token_bound(&self) -> Option<TokenBound> {
        None
    }

    /// Tokens of a text that plain text stands right before, so that nothing is put between.
    fn tokenize_on(&self, text: &str) -> Vec<Token> {
        self.tokenize(text)
    }

    /// The tokens whose text in a prompt stands for themselves.
    fn specials(&self) -> Vec<Special> {
        Vec::new()
    }

    /// What every prompt starts and ends with, unless it spells its start.
    fn ends(&self) -> Ends {
        Ends::default()
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

/// A token that its text stands for, where that is written in a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Special {
    /// The token.
    pub token: Token,
    /// Its text.
    pub text: String,
    /// Read only on request: a control token. Others (llama.cpp's user-defined tokens) are read
    /// wherever their text is met.
    pub control: bool,
    /// White space before it is dropped.
    pub trims_before: bool,
    /// White space after it is dropped.
    pub trims_after: bool,
}

impl Special {
    /// A control token.
    pub fn control(token: Token, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { token, text, control: true, trims_before: false, trims_after: false }
    }

    /// Whether it is worth forging. Of the tokens that are read everywhere, runs of blanks, plain
    /// words and single characters are not: to the model they are ordinary text, and must be what
    /// ordinary text becomes.
    pub(super) fn is_structure(&self) -> bool {
        let plain = |c: char| c.is_alphanumeric() || c.is_whitespace() || c == '\u{2581}';
        self.control || (!self.text.chars().all(plain) && self.text.chars().nth(1).is_some())
    }
}

/// Tokens around every prompt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// Before it.
    pub start: Option<Token>,
    /// After it.
    pub end: Option<Token>,
}
