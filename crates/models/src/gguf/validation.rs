//! Headers that llama.cpp would end the process over.
//!
//! llama.cpp checks most of what a file claims and answers with an error. The rest it asserts: then
//! the process is gone with every engine in it. It also divides by what a file states, where a zero
//! is a signal, and throws from functions that were called through C, which nobody can catch. Each
//! of these is refused here, by the key that is at fault, before llama.cpp sees the file.
//!
//! | file | holds |
//! |---|---|
//! | `ranges.rs` | one value: a table of keys with what they may be |
//! | `relations.rs` | two values that must fit each other |
//! | `tokenizer.rs` | the vocabulary |
//! | `tensors.rs` | types that a kernel is missing for, rows that do not fit |
//!
//! Invariants: an absent key is not at fault (llama.cpp has a default for it, or says that it is
//! missing); a header of one shard of a model passes whenever the whole one does.
//!
//! Held against llama.cpp by `crates/llama/tests/hostile.rs`: whatever passes here is loaded and
//! computes a token, or is refused with an error, in a process of its own.
//!
//! Does not do: reading tensor data. A weight that is not a number makes logits that are not, which
//! the sampler reports.
//!
//! Sources, all of the llama.cpp that this project links: `GGML_ASSERT` and `GGML_ABORT` in
//! `llama-model.cpp` (`load_hparams`), `models/*.cpp`, `llama-vocab.cpp`, `ggml.c`, `ggml-cpu`.

mod ranges;
mod relations;
mod tensors;
mod tokenizer;

use crate::gguf::Header;
use crate::gguf::fault::GgufError;
use crate::gguf::geometry::Keys;

/// Checks everything.
pub(super) fn validate(header: &Header) -> Result<(), GgufError> {
    let architecture = header.architecture()?;
    servable(architecture)?;
    let keys = Keys(architecture);
    ranges::check(header, &keys)?;
    relations::check(header, &keys)?;
    tokenizer::check(header)?;
    tensors::check(header, &keys)
}

/// Architectures that llama.cpp knows and that cannot answer alone: encoders, diffusion, vocoders,
/// image projectors, and drafts that need another model.
const NOT_SERVABLE: [&str; 22] = [
    "bert",
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
    "nomic-bert",
    "nomic-bert-moe",
    "rnd1",
    "t5",
    "t5encoder",
    "wavtokenizer-dec",
];

fn servable(architecture: &str) -> Result<(), GgufError> {
    if NOT_SERVABLE.contains(&architecture) {
        let reason = format!("is `{architecture}`, which does not generate text by itself");
        return Err(GgufError::key("general.architecture", reason));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
