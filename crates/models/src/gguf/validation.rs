//! Rejection of headers on which llama.cpp would abort the process.
//!
//! llama.cpp checks most values of a file and returns an error. Others it asserts, which ends the
//! process with all its engines. It also divides by stated values, where a zero raises a signal,
//! and throws C++ exceptions through C functions, where they cannot be caught. All these are
//! rejected here, with the key at fault, before llama.cpp opens the file.
//!
//! | file | checks |
//! |---|---|
//! | `ranges.rs` | single values, by a table of keys and ranges |
//! | `relations.rs` | relations between values |
//! | `tokenizer.rs` | the vocabulary |
//! | `tensors.rs` | types without a kernel, mismatched rows |
//! | `embedding.rs` | encoders, and how embeddings are pooled |
//!
//! Invariants: an absent key is valid (llama.cpp has a default for it, or reports it as missing);
//! the header of a shard is valid if the header of the complete model is.
//!
//! `crates/llama/tests/hostile.rs` compares with llama.cpp: a file accepted here is loaded and
//! computes a token, or is rejected with an error, in a separate process.
//!
//! Does not do: read tensor data. A NaN weight results in NaN logits, which the sampler reports.
//!
//! Sources, all of the llama.cpp that this project links: `GGML_ASSERT` and `GGML_ABORT` in
//! `llama-model.cpp` (`load_hparams`), `models/*.cpp`, `llama-vocab.cpp`, `ggml.c`, `ggml-cpu`.

pub(super) mod embedding;
mod ranges;
mod relations;
mod tensors;
mod tokenizer;

use crate::gguf::Header;
use crate::gguf::error::GgufError;
use crate::gguf::geometry::Keys;

/// Runs all checks.
pub(super) fn validate(header: &Header) -> Result<(), GgufError> {
    let architecture = header.architecture()?;
    servable(architecture)?;
    let keys = Keys(architecture);
    ranges::check(header, &keys)?;
    relations::check(header, &keys)?;
    embedding::check(header, &keys)?;
    tokenizer::check(header)?;
    tensors::check(header, &keys)
}

/// Architectures of llama.cpp that neither generate text by themselves nor are a supported encoder:
/// other encoders, diffusion models, vocoders, image projectors, and draft models.
const NOT_SERVABLE: [&str; 20] = [
    "clef",
    "clip",
    "dflash",
    "dream",
    "eagle3",
    "eurobert",
    "gemma-embedding",
    "gemma4-assistant",
    "jina-bert-v2",
    "jina-bert-v3",
    "llada",
    "llada-moe",
    "llama-embed",
    "modern-bert",
    "neo-bert",
    "nomic-bert-moe",
    "rnd1",
    "t5",
    "t5encoder",
    "wavtokenizer-dec",
];

fn servable(architecture: &str) -> Result<(), GgufError> {
    if NOT_SERVABLE.contains(&architecture) {
        let reason = format!(
            "is `{architecture}`, which does not generate text by itself and is no supported encoder"
        );
        return Err(GgufError::key("general.architecture", reason));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
