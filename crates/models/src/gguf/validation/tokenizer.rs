//! The vocabulary: assertions of llama.cpp, and causes of exceptions while tokenising.

use crate::gguf::Header;
use crate::gguf::error::GgufError;
use crate::gguf::validation::embedding;
use crate::gguf::value::Value;
use crate::gguf::vocabulary_scan::{MERGES, SCORES, TOKENS, TYPES};

const MODEL: &str = "tokenizer.ggml.model";

/// Tokenizers of llama.cpp for generative models. `none` and `no_vocab` have no tokens; `t5` is for
/// encoders, and aborts on byte tokens.
const MODELS: [&str; 7] = ["llama", "gpt2", "gemma4", "plamo2", "rwkv", "hybriddna", "whitespace"];

/// `WordPiece`, the tokenizer of encoders alone.
const WORD_PIECE: &str = "bert";

/// Tokenizers with byte fallback, which throw if a byte token is missing.
const BYTE_FALLBACK: [&str; 2] = ["llama", "plamo2"];

/// llama.cpp's default ID of a special token that the file does not state.
const DEFAULT_START: u64 = 11;

/// ID of an absent special token in files: −1 as unsigned. llama.cpp accepts it with a warning.
const NONE: u64 = u32::MAX as u64;

const FORMAT_TEXT: u32 = 8;
const FORMAT_I32: u32 = 5;
const FORMAT_F32: u32 = 6;

pub(super) fn check(header: &Header) -> Result<(), GgufError> {
    let metadata = &header.metadata;
    // Further shards, and files with only tensors, have no vocabulary.
    let Some(tokens) = metadata.get(TOKENS) else { return Ok(()) };
    let Value::Array { length: tokens, .. } = tokens else {
        return Err(GgufError::key(TOKENS, "is not a list"));
    };
    let model = metadata.get(MODEL).ok_or_else(|| GgufError::missing(MODEL))?.as_str(MODEL)?;
    let word_piece = model == WORD_PIECE && embedding::is_encoder(header.architecture()?);
    if !word_piece && !MODELS.contains(&model) {
        let shown: String = model.chars().take(64).flat_map(char::escape_default).collect();
        let reason = format!("is `{shown}`, expected one of {}", MODELS.join(", "));
        return Err(GgufError::key(MODEL, reason));
    }
    lists(header, model, *tokens)?;
    texts(header, model)?;
    if word_piece {
        embedding::check_word_pieces(header, *tokens)?;
    }
    special(header, model, *tokens)
}

/// Checks the element types and lengths of the lists.
fn lists(header: &Header, model: &str, tokens: u64) -> Result<(), GgufError> {
    if tokens == 0 {
        return Err(GgufError::key(TOKENS, "has no entries"));
    }
    for (key, types, needs_all) in [
        (TOKENS, &[FORMAT_TEXT][..], true),
        (TYPES, &[FORMAT_I32][..], true),
        (SCORES, &[FORMAT_F32, FORMAT_I32][..], true),
        (MERGES, &[FORMAT_TEXT][..], false),
    ] {
        match header.metadata.get(key) {
            None => {}
            Some(Value::Array { length, .. }) => {
                let element = header.vocabulary.element_types.get(key);
                if element.is_none_or(|element| !types.contains(element)) {
                    return Err(GgufError::key(key, "has elements of the wrong type"));
                }
                if needs_all && *length < tokens {
                    let reason = format!("has {length} entries for {tokens} tokens");
                    return Err(GgufError::key(key, reason));
                }
            }
            Some(_) => return Err(GgufError::key(key, "is not a list")),
        }
    }
    let pre = header.metadata.get("tokenizer.ggml.pre").and_then(|pre| pre.as_str("").ok());
    let merges = matches!(model, "gpt2" | "gemma4") && pre != Some("kimi-k2");
    if merges && !header.metadata.contains_key(MERGES) {
        return Err(GgufError::missing(MERGES));
    }
    Ok(())
}

/// Checks the texts of the tokens.
fn texts(header: &Header, model: &str) -> Result<(), GgufError> {
    // `GGML_ASSERT(id_to_token.size() == token_to_id.size())`.
    if let Some([first, second]) = header.vocabulary.duplicate {
        let reason = format!("has the same text for tokens {first} and {second}");
        return Err(GgufError::key(TOKENS, reason));
    }
    // `text.substr(3, 2)` throws.
    if let Some(token) = header.vocabulary.odd_byte {
        let reason = format!("marks token {token} as a byte, but its text is not `<0xHH>`");
        return Err(GgufError::key(TYPES, reason));
    }
    // `token_to_id.at(…)` throws.
    if let Some(byte) = header.vocabulary.absent_byte
        && BYTE_FALLBACK.contains(&model)
    {
        let reason = format!("has no token for the byte {byte}, which `{model}` requires");
        return Err(GgufError::key(TOKENS, reason));
    }
    Ok(())
}

/// Checks the IDs of the special tokens.
fn special(header: &Header, model: &str, tokens: u64) -> Result<(), GgufError> {
    let check = |key: &str, value: &Value| match value {
        Value::Unsigned(NONE) => Ok(()),
        Value::Unsigned(number) if *number < tokens => Ok(()),
        Value::Signed(number) if u64::try_from(*number).is_ok_and(|number| number < tokens) => {
            Ok(())
        }
        Value::Unsigned(number) => {
            Err(GgufError::key(key, format!("is {number} where there are {tokens} tokens")))
        }
        Value::Signed(number) => {
            Err(GgufError::key(key, format!("is {number} where there are {tokens} tokens")))
        }
        _ => Err(GgufError::key(key, "is not an integer")),
    };
    let named = |key: &str| key.starts_with("tokenizer.ggml.") && key.ends_with("_token_id");
    for (key, value) in header.metadata.iter().filter(|(key, _)| named(key)) {
        check(key, value)?;
    }
    // `GGML_ASSERT(special_bos_id != LLAMA_TOKEN_NULL)`.
    for (adds, id) in [("add_bos_token", "bos_token_id"), ("add_eos_token", "eos_token_id")] {
        let adds = format!("tokenizer.ggml.{adds}");
        let id = format!("tokenizer.ggml.{id}");
        let stated = header.metadata.get(&adds).map(|value| value.as_flag(&adds)).transpose()?;
        let default = model == "llama" && adds.contains("bos");
        let wanted = stated.unwrap_or(default);
        let stated = header.metadata.get(&id).filter(|id| **id != Value::Unsigned(NONE));
        if wanted && stated.is_none() && tokens <= DEFAULT_START {
            return Err(GgufError::key(&id, format!("is absent, but `{adds}` requires it")));
        }
    }
    Ok(())
}
