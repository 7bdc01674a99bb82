//! Embeddings, in OpenAI's dialect and in Ollama's two forms: bodies in, vectors out.
//!
//! Invariants: vectors are normalised to length 1, as by OpenAI, by llama-server and by Ollama's
//! `/api/embed`; Ollama's older `/api/embeddings` returns them as the model does. A shortened
//! vector is normalised after it was cut.

mod answer;
mod ollama;
mod openai;
mod vector;

use harmonic_types::{AgentName, EmbeddingInput};

use crate::ignored::Ignored;
use crate::validation_error::ValidationError;

pub use answer::{EmbeddingsEncoder, EmbeddingsMeta};
pub use ollama::{EmbedBody, OlderEmbedBody, parse_embed, parse_older_embed};
pub use openai::{EmbeddingsBody, parse_embeddings};

/// Inputs of one request, at most: OpenAI's limit.
pub const MAX_INPUTS: usize = 2048;

/// A body that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct ParsedEmbeddings {
    /// The agent.
    pub agent: AgentName,
    /// The inputs; empty where the client only asks whether the agent is there.
    pub inputs: Vec<EmbeddingInput>,
    /// Whether inputs longer than the context are cut.
    pub truncate: bool,
    /// Dimensions of the vectors, fewer than the model's; `None` for all.
    pub dimensions: Option<u32>,
    /// Parts of the body without effect.
    pub ignored: Ignored,
    /// Writer of the response.
    pub encoder: EmbeddingsEncoder,
}

fn dimensions(dimensions: Option<u32>) -> Result<Option<u32>, ValidationError> {
    match dimensions {
        Some(0) => Err(ValidationError::value("dimensions", "must be at least 1")),
        dimensions => Ok(dimensions),
    }
}

fn count(inputs: usize) -> Result<(), ValidationError> {
    if inputs > MAX_INPUTS {
        let reason = format!("has {inputs} inputs, but may have at most {MAX_INPUTS}");
        return Err(ValidationError::value("input", reason));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
