//! Responses with vectors.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::BytesMut;
use serde::Serialize;

use super::vector::shortened;
use crate::json;

/// Writer of the response to a request for embeddings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EmbeddingsEncoder {
    /// `POST /v1/embeddings`.
    OpenAi {
        /// The agent as the client named it.
        model: String,
        /// Whether vectors are written in base64.
        base64: bool,
    },
    /// `POST /api/embed`.
    Ollama {
        /// The agent as the client named it.
        model: String,
    },
    /// `POST /api/embeddings`.
    OlderOllama,
}

/// Facts about a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EmbeddingsMeta {
    /// Dimensions of the vectors; `None` for all.
    pub dimensions: Option<u32>,
    /// Tokens of all inputs.
    pub prompt_tokens: u32,
    /// Time from the arrival of the request to its end.
    pub total: Duration,
    /// Time that it waited for a slot.
    pub queued: Duration,
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Item>,
    model: &'a str,
    usage: ListUsage,
}

#[derive(Serialize)]
struct Item {
    object: &'static str,
    index: usize,
    embedding: Numbers,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Numbers {
    Float(Vec<f32>),
    Base64(String),
}

#[derive(Serialize)]
struct ListUsage {
    prompt_tokens: u32,
    total_tokens: u32,
}

#[derive(Serialize)]
struct EmbedAnswer<'a> {
    model: &'a str,
    embeddings: Vec<Vec<f32>>,
    total_duration: u64,
    /// The wait for a slot, as in other answers: weights stay loaded.
    load_duration: u64,
    prompt_eval_count: u32,
}

#[derive(Serialize)]
struct Embedding {
    embedding: Vec<f32>,
}

impl EmbeddingsEncoder {
    /// Writes the response with `vectors`, which are as the model made them, in the order of the
    /// inputs.
    pub fn document(self, vectors: Vec<Vec<f32>>, meta: EmbeddingsMeta, out: &mut BytesMut) {
        let EmbeddingsMeta { dimensions, prompt_tokens, total, queued } = meta;
        let normalised = |vector| shortened(vector, dimensions);
        match self {
            Self::OpenAi { model, base64 } => {
                let item = |(index, vector)| {
                    let numbers = normalised(vector);
                    let embedding = if base64 {
                        Numbers::Base64(encoded(&numbers))
                    } else {
                        Numbers::Float(numbers)
                    };
                    Item { object: "embedding", index, embedding }
                };
                let data = vectors.into_iter().enumerate().map(item).collect();
                let usage = ListUsage { prompt_tokens, total_tokens: prompt_tokens };
                write(out, &List { object: "list", data, model: &model, usage });
            }
            Self::Ollama { model } => write(
                out,
                &EmbedAnswer {
                    model: &model,
                    embeddings: vectors.into_iter().map(normalised).collect(),
                    total_duration: nanoseconds(total),
                    load_duration: nanoseconds(queued),
                    prompt_eval_count: prompt_tokens,
                },
            ),
            Self::OlderOllama => {
                let embedding = vectors.into_iter().next().unwrap_or_default();
                write(out, &Embedding { embedding });
            }
        }
    }
}

fn encoded(numbers: &[f32]) -> String {
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    BASE64_STANDARD.encode(bytes)
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn write(out: &mut BytesMut, document: &impl Serialize) {
    json::write(out, document);
}
