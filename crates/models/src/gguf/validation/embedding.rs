//! Embedding models: the supported encoders, and the pooling of encoders and decoders.
//!
//! A decoder whose file states a pooling computes embeddings and does not generate text; one without
//! is an ordinary generator.

use harmonic_types::Pooling;

use crate::gguf::Header;
use crate::gguf::error::GgufError;
use crate::gguf::geometry::Keys;
use crate::gguf::value::Value;

/// Encoders: architectures without a KV cache that attend in both directions.
const ENCODERS: [&str; 2] = ["bert", "nomic-bert"];

const POOLING: &str = "pooling_type";

/// Tokens that a vocabulary of `WordPiece` must have, up to llama.cpp's default ID of `[MASK]`: it
/// takes its default IDs of `[PAD]`, `[UNK]`, `[CLS]` and `[SEP]` for those that a file does not
/// state.
const WORD_PIECE_TOKENS: u64 = 104;

/// Whether llama.cpp computes `architecture` without a KV cache.
pub(in crate::gguf) fn is_encoder(architecture: &str) -> bool {
    ENCODERS.contains(&architecture)
}

/// The pooling of an embedding model; `None` for a model that generates text.
///
/// # Errors
/// For a reranker, and for an encoder without pooling, which has a vector for each token.
pub(in crate::gguf) fn pooling(
    header: &Header,
    keys: &Keys<'_>,
) -> Result<Option<Pooling>, GgufError> {
    let refused = |found: &str, reason: &str| {
        let reason = format!("is {found}, expected 1 (mean), 2 (cls) or 3 (last): {reason}");
        Err(GgufError::key(&keys.full(POOLING), reason))
    };
    match keys.optional(header, POOLING)? {
        Some(1) => Ok(Some(Pooling::Mean)),
        Some(2) => Ok(Some(Pooling::Cls)),
        Some(3) => Ok(Some(Pooling::Last)),
        Some(4) => refused("4 (rank)", "a reranker has no embeddings"),
        _ if is_encoder(keys.0) => refused("0 (none)", "the model has a vector for each token"),
        _ => Ok(None),
    }
}

/// Checks the relations that the graph of an encoder asserts.
pub(super) fn check(header: &Header, keys: &Keys<'_>) -> Result<(), GgufError> {
    let pooling = pooling(header, keys)?;
    if !is_encoder(keys.0) {
        return Ok(());
    }
    debug_assert!(pooling.is_some(), "an encoder without pooling is refused");
    let width = keys.required(header, "embedding_length")?;
    let heads = keys.required(header, "attention.head_count")?;
    // `ggml_reshape_3d` in `build_qkv`: the projections are as wide as the model.
    if heads == 0 || width % heads > 0 {
        let reason = format!("is {heads}, which does not divide the width {width}");
        return Err(GgufError::key(&keys.full("attention.head_count"), reason));
    }
    // `GGML_ASSERT(n_dims % 2 == 0)` of the rotation, which is of the whole head.
    if keys.0 == "nomic-bert" && (width / heads) % 2 > 0 {
        let reason = format!("is {heads}, which leaves an odd head length of {}", width / heads);
        return Err(GgufError::key(&keys.full("attention.head_count"), reason));
    }
    for key in ["attention.key_length", "attention.value_length"] {
        let length = keys.optional(header, key)?;
        if let Some(length) = length.filter(|length| *length != width / heads) {
            let reason = format!("is {length}, expected {} for {heads} heads", width / heads);
            return Err(GgufError::key(&keys.full(key), reason));
        }
    }
    Ok(())
}

/// Checks a vocabulary of `WordPiece`, which only encoders have.
pub(super) fn check_word_pieces(header: &Header, tokens: u64) -> Result<(), GgufError> {
    const TOKENS: &str = "tokenizer.ggml.tokens";
    if tokens < WORD_PIECE_TOKENS {
        let reason = format!("has {tokens} entries, expected at least {WORD_PIECE_TOKENS}");
        return Err(GgufError::key(TOKENS, reason));
    }
    // `GGML_ABORT` in `token_to_byte`.
    if let Some(token) = header.vocabulary.byte_token {
        let reason = format!("marks token {token} as a byte, which WordPiece does not have");
        return Err(GgufError::key("tokenizer.ggml.token_type", reason));
    }
    // `GGML_ASSERT(special_bos_id != LLAMA_TOKEN_NULL)`, and an unknown word is this token.
    for key in ["bos_token_id", "cls_token_id", "unknown_token_id", "seperator_token_id"] {
        let key = format!("tokenizer.ggml.{key}");
        let none = Value::Unsigned(u32::MAX.into());
        if header.metadata.get(&key) == Some(&none) {
            return Err(GgufError::key(&key, "is none, expected a token"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use harmonic_types::ModelShape;

    use super::*;
    use crate::gguf::{GgufBuilder, Metadata, shape};
    use crate::synthetic::{SyntheticModel, TokenKind, Vocabulary};

    fn model() -> SyntheticModel {
        SyntheticModel { vocabulary: Vocabulary::word_piece(), ..SyntheticModel::tiny() }
    }

    fn read(file: &GgufBuilder) -> Result<ModelShape, String> {
        let bytes = file.header();
        let header = Header::read(&bytes[..], bytes.len() as u64).expect("readable");
        shape(&header).map_err(|error| error.to_string())
    }

    #[test]
    fn an_encoder_has_its_pooling_and_no_cache() {
        for (number, pooling) in [(1, Pooling::Mean), (2, Pooling::Cls), (3, Pooling::Last)] {
            for file in [model().bert(number), model().nomic_bert(number)] {
                let shape = read(&file).expect("valid");
                assert_eq!(shape.pooling, Some(pooling));
                assert!(shape.is_encoder() && shape.tied_embedding.is_none());
            }
        }
    }

    #[test]
    fn a_decoder_computes_embeddings_where_its_file_states_a_pooling() {
        let decoder = SyntheticModel::tiny().llama();
        assert_eq!(read(&decoder).expect("valid").pooling, None);
        assert_eq!(read(&decoder.clone().number(".pooling_type", 0)).expect("valid").pooling, None);
        let last = read(&decoder.number(".pooling_type", 3)).expect("valid");
        assert_eq!(last.pooling, Some(Pooling::Last));
        assert!(!last.is_encoder(), "it has a KV cache");
    }

    #[test]
    fn other_poolings_are_refused_by_name() {
        for (file, expected) in [
            (model().bert(0), "is 0 (none)"),
            (model().bert(1).without(".pooling_type"), "is 0 (none)"),
            (model().bert(4), "is 4 (rank)"),
            (SyntheticModel::tiny().llama().number(".pooling_type", 4), "is 4 (rank)"),
        ] {
            let error = read(&file).expect_err("refused");
            assert!(error.contains("pooling_type") && error.contains(expected), "{error}");
        }
    }

    #[test]
    fn what_llama_cpp_asserts_of_an_encoder_is_checked_before() {
        let encoder = model().bert(1);
        let byte = model().vocabulary.token("<0x0A>", TokenKind::Byte);
        let bytes = SyntheticModel { vocabulary: byte, ..model() }.bert(1);
        let none = Metadata::U32(u32::MAX);
        for (file, expected) in [
            (encoder.clone().number(".attention.head_count", 3), "does not divide the width"),
            (model().nomic_bert(1).number(".attention.head_count", 64), "odd head length"),
            (encoder.clone().number(".attention.key_length", 8), "expected 16 for 4 heads"),
            (encoder.clone().with("tokenizer.ggml.seperator_token_id", &none), "is none"),
            (bytes, "as a byte"),
            (SyntheticModel::tiny().llama().text("tokenizer.ggml.model", "bert"), "is `bert`"),
        ] {
            let error = read(&file).expect_err(expected);
            assert!(error.contains(expected), "{error}");
        }
    }
}
