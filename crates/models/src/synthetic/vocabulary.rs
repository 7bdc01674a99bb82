//! Small complete vocabularies, which can encode any text.

use crate::gguf::{GgufBuilder, Metadata};

/// Kind of a token, with its GGUF number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Text.
    Normal = 1,
    /// Replacement for unencodable text.
    Unknown = 2,
    /// Control token: never part of a text, not displayed.
    Control = 3,
    /// Text that is always one token (`<tool_call>`).
    UserDefined = 4,
    /// Unused ID.
    Unused = 5,
    /// A byte (`<0x0A>`).
    Byte = 6,
}

/// Tokenisation scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    /// Byte pairs with merges, as in GPT-2.
    Bpe,
    /// `SentencePiece` with scores, as in Llama 2.
    Spm,
    /// `WordPiece`, as in BERT.
    WordPiece,
}

#[derive(Clone, Debug)]
struct Entry {
    text: String,
    score: f32,
    kind: TokenKind,
}

/// Tokens with their tokenisation scheme.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    scheme: Scheme,
    pre_tokenizer: String,
    entries: Vec<Entry>,
    merges: Vec<String>,
    adds_start: bool,
}

/// Text that ends a turn, in both vocabularies.
const TURN_END: &str = "<|im_end|>";

impl Vocabulary {
    /// Byte-level BPE: three control tokens as in the starter model, then one token per byte. The
    /// pre-tokenizer is `smollm`.
    pub fn byte_bpe() -> Self {
        let empty = Self {
            scheme: Scheme::Bpe,
            pre_tokenizer: "smollm".to_owned(),
            entries: Vec::new(),
            merges: Vec::new(),
            adds_start: false,
        };
        let mut vocabulary =
            empty.control("<|endoftext|>").control("<|im_start|>").control(TURN_END);
        for byte in 0..=u8::MAX {
            vocabulary = vocabulary.token(&symbol(byte).to_string(), TokenKind::Normal);
        }
        vocabulary
    }

    /// `SentencePiece`: `<unk>`, `<s>`, `</s>`, the control tokens of a turn, one token per byte,
    /// one per printable ASCII character. Prepends `<s>`.
    pub fn spm() -> Self {
        let empty = Self {
            scheme: Scheme::Spm,
            pre_tokenizer: "default".to_owned(),
            entries: Vec::new(),
            merges: Vec::new(),
            adds_start: true,
        };
        let mut vocabulary = empty
            .token("<unk>", TokenKind::Unknown)
            .control("<s>")
            .control("</s>")
            .control("<|im_start|>")
            .control(TURN_END);
        for byte in 0..=u8::MAX {
            vocabulary = vocabulary.token(&format!("<0x{byte:02X}>"), TokenKind::Byte);
        }
        vocabulary = vocabulary.token("▁", TokenKind::Normal);
        for character in '!'..='~' {
            vocabulary = vocabulary.token(&character.to_string(), TokenKind::Normal);
        }
        vocabulary
    }

    /// `WordPiece` with BERT's control tokens at their usual IDs, and every printable ASCII character
    /// except capitals as a word and within words.
    pub fn word_piece() -> Self {
        let mut vocabulary = Self {
            scheme: Scheme::WordPiece,
            pre_tokenizer: "default".to_owned(),
            entries: Vec::new(),
            merges: Vec::new(),
            adds_start: true,
        }
        .control("[PAD]");
        for unused in 0..99 {
            vocabulary = vocabulary.token(&format!("[unused{unused}]"), TokenKind::Unused);
        }
        for name in ["[UNK]", "[CLS]", "[SEP]", "[MASK]"] {
            vocabulary = vocabulary.control(name);
        }
        for character in ('!'..='~').filter(|character| !character.is_ascii_uppercase()) {
            vocabulary = vocabulary
                .token(&format!("▁{character}"), TokenKind::Normal)
                .token(&character.to_string(), TokenKind::Normal);
        }
        vocabulary
    }

    /// With llama.cpp's pre-tokenizer of this name, which splits a text before pairs are merged.
    /// Some are code in llama.cpp (`gpt-2`, `llama-bpe`), most are regular expressions
    /// (`deepseek-llm`, `tekken`, `bloom`).
    pub fn pre_tokenizer(mut self, name: &str) -> Self {
        name.clone_into(&mut self.pre_tokenizer);
        self
    }

    /// With this token, as spelled in the file.
    pub fn token(mut self, text: &str, kind: TokenKind) -> Self {
        if self.id(text).is_none() {
            // Earlier tokens have precedence.
            let score = -(self.entries.len() as f32);
            self.entries.push(Entry { text: text.to_owned(), score, kind });
        }
        self
    }

    /// With this control token.
    pub fn control(self, text: &str) -> Self {
        self.token(text, TokenKind::Control)
    }

    /// With this user-defined token.
    pub fn user_defined(self, text: &str) -> Self {
        self.token(text, TokenKind::UserDefined)
    }

    /// With a token for this text, and for each of its prefixes, from which it is merged.
    pub fn word(mut self, text: &str) -> Self {
        let symbols: Vec<char> = match self.scheme {
            Scheme::Bpe => text.bytes().map(symbol).collect(),
            Scheme::Spm | Scheme::WordPiece => text.replace(' ', "▁").chars().collect(),
        };
        for end in 2..=symbols.len() {
            let left: String = symbols[..end - 1].iter().collect();
            let right = symbols[end - 1];
            let merge = format!("{left} {right}");
            if self.scheme == Scheme::Bpe && !self.merges.contains(&merge) {
                self.merges.push(merge);
            }
            self = self.token(&format!("{left}{right}"), TokenKind::Normal);
        }
        self
    }

    /// With or without a start token prepended to every text.
    pub fn adding_start(mut self, adds: bool) -> Self {
        self.adds_start = adds;
        self
    }

    /// Number of tokens.
    pub fn size(&self) -> u32 {
        u32::try_from(self.entries.len()).unwrap_or(u32::MAX)
    }

    /// ID of the token with this text in the file.
    pub fn id(&self, text: &str) -> Option<u32> {
        let at = self.entries.iter().position(|entry| entry.text == text)?;
        u32::try_from(at).ok()
    }

    /// `file` with this vocabulary.
    pub fn describe(&self, mut file: GgufBuilder) -> GgufBuilder {
        let (model, start, unknown) = match self.scheme {
            Scheme::Bpe => ("gpt2", "<|im_start|>", "<|endoftext|>"),
            Scheme::Spm => ("llama", "<s>", "<unk>"),
            Scheme::WordPiece => ("bert", "[CLS]", "[UNK]"),
        };
        let each = |entry: fn(&Entry) -> Metadata| Metadata::list(self.entries.iter().map(entry));
        file = file
            .text("tokenizer.ggml.model", model)
            .text("tokenizer.ggml.pre", &self.pre_tokenizer)
            .with("tokenizer.ggml.tokens", &each(|entry| Metadata::text(&entry.text)))
            .with("tokenizer.ggml.token_type", &each(|entry| Metadata::I32(entry.kind as i32)))
            .flag("tokenizer.ggml.add_bos_token", self.adds_start);
        file = match self.scheme {
            // llama.cpp requires the key; a pair without a token is never merged.
            Scheme::Bpe if self.merges.is_empty() => {
                file.with("tokenizer.ggml.merges", &Metadata::texts(["\u{100} \u{100}"]))
            }
            Scheme::Bpe => {
                let merges = self.merges.iter().map(String::as_str);
                file.with("tokenizer.ggml.merges", &Metadata::texts(merges))
            }
            Scheme::Spm => {
                file.with("tokenizer.ggml.scores", &each(|entry| Metadata::F32(entry.score)))
            }
            Scheme::WordPiece => file.number("tokenizer.ggml.token_type_count", 2),
        };
        for (key, text) in [
            ("bos", start),
            ("eos", TURN_END),
            ("unknown", unknown),
            ("padding", TURN_END),
            ("padding", "[PAD]"),
            // llama.cpp's spelling.
            ("seperator", "[SEP]"),
            ("mask", "[MASK]"),
        ] {
            if let Some(id) = self.id(text) {
                file = file.number(&format!("tokenizer.ggml.{key}_token_id"), id);
            }
        }
        file
    }
}

/// The character for a byte in GPT-2's vocabularies: itself if visible, otherwise one from U+0100
/// on.
fn symbol(byte: u8) -> char {
    let visible = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    if visible(byte) {
        return char::from(byte);
    }
    let hidden = (0..byte).filter(|other| !visible(*other)).count();
    u32::try_from(hidden)
        .ok()
        .and_then(|hidden| char::from_u32(0x100 + hidden))
        .unwrap_or('\u{fffd}')
}
