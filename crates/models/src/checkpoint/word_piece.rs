//! The vocabulary of `WordPiece`: `vocab.txt`, one token per line.
//!
//! In GGUF a token that begins a word has `▁` before it, and one within a word has no mark, where
//! `vocab.txt` has none and `##`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{CheckpointError, CheckpointFiles, MAX_TEXT_BYTES, optional_json};
use crate::gguf::{GgufBuilder, Metadata};

const VOCABULARY: &str = "vocab.txt";
const TOKENIZER: &str = "tokenizer_config.json";

/// Kinds of tokens in GGUF.
const NORMAL: i32 = 1;
const CONTROL: i32 = 3;

/// Control tokens, and their keys in GGUF (llama.cpp's spelling).
const CONTROLS: [(&str, &[&str]); 5] = [
    ("[PAD]", &["padding"]),
    ("[UNK]", &["unknown"]),
    ("[CLS]", &["bos", "cls"]),
    ("[SEP]", &["seperator"]),
    ("[MASK]", &["mask"]),
];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Tokenizer {
    do_lower_case: Option<bool>,
    strip_accents: Option<bool>,
}

pub(super) struct Vocabulary {
    tokens: Vec<String>,
    controls: BTreeMap<&'static str, u32>,
    lowercase: bool,
}

/// Reads the vocabulary, which has `size` tokens.
pub(super) fn read(
    files: &mut dyn CheckpointFiles,
    size: u32,
) -> Result<Vocabulary, CheckpointError> {
    let Tokenizer { do_lower_case, strip_accents } =
        optional_json(files, TOKENIZER)?.unwrap_or_default();
    let lowercase = do_lower_case.unwrap_or(true);
    // llama.cpp does both or neither.
    if strip_accents.is_some_and(|strips| strips != lowercase) {
        let reason = "strip_accents differs from do_lower_case, expected both or neither";
        return Err(CheckpointError::unsupported(TOKENIZER, reason));
    }
    let bytes = files.read(VOCABULARY, MAX_TEXT_BYTES)?;
    let bytes = bytes.ok_or_else(|| CheckpointError::Missing(VOCABULARY.to_owned()))?;
    let text = String::from_utf8(bytes)
        .map_err(|error| CheckpointError::unreadable(VOCABULARY, &error))?;
    let tokens: Vec<String> = text.lines().map(str::to_owned).collect();
    if tokens.len() as u64 != u64::from(size) {
        let reason = format!("it has {} tokens, and the model {size}", tokens.len());
        return Err(CheckpointError::unsupported(VOCABULARY, reason));
    }
    let mut controls = BTreeMap::new();
    for (text, _) in CONTROLS {
        let at = tokens.iter().position(|token| token == text);
        let id = at.and_then(|at| u32::try_from(at).ok()).ok_or_else(|| {
            CheckpointError::unsupported(VOCABULARY, format!("it has no token `{text}`"))
        })?;
        controls.insert(text, id);
    }
    Ok(Vocabulary { tokens, controls, lowercase })
}

impl Vocabulary {
    /// `file` with this vocabulary.
    pub(super) fn describe(&self, file: GgufBuilder) -> GgufBuilder {
        let texts = self.tokens.iter().map(|token| match token.strip_prefix("##") {
            _ if self.is_control(token) => token.clone(),
            Some(rest) => rest.to_owned(),
            None => format!("\u{2581}{token}"),
        });
        let kind = |token: &String| if self.is_control(token) { CONTROL } else { NORMAL };
        let kinds = self.tokens.iter().map(kind).map(Metadata::I32);
        let mut file = file
            .text("tokenizer.ggml.model", "bert")
            .text("tokenizer.ggml.pre", "default")
            .with("tokenizer.ggml.tokens", &Metadata::texts(texts))
            .with("tokenizer.ggml.token_type", &Metadata::list(kinds))
            .flag("tokenizer.ggml.normalizer.lowercase", self.lowercase);
        for (text, keys) in CONTROLS {
            for key in keys {
                file = file.number(&format!("tokenizer.ggml.{key}_token_id"), self.controls[text]);
            }
        }
        file
    }

    fn is_control(&self, token: &str) -> bool {
        self.controls.contains_key(token)
    }
}
