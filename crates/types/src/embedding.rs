//! Requests for embeddings: texts, or their tokens, to vectors.

use crate::request::{ClientName, RequestId};
use crate::stack::AgentName;

/// A request for the embeddings of one or several inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddingRequest {
    /// Identifier, unique within the process.
    pub id: RequestId,
    /// The client.
    pub client: ClientName,
    /// The agent addressed.
    pub agent: AgentName,
    /// The inputs; never empty.
    pub inputs: Vec<EmbeddingInput>,
    /// Whether an input longer than the context is cut at its end instead of refused.
    pub truncate: bool,
}

/// One input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EmbeddingInput {
    /// A text, to which the model's start and end tokens are added.
    Text(String),
    /// Token ids of the model's vocabulary, taken as they are.
    Tokens(Vec<u32>),
}

impl EmbeddingInput {
    /// Size in bytes.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Tokens(tokens) => size_of_val(tokens.as_slice()),
        }
    }
}
