//! What there is to ask, path by path.

use harmonic_api::anthropic::{CountBody, MessagesBody};
use harmonic_api::ollama::{ChatBody, GenerateBody, PullBody, ShowBody};
use harmonic_api::openai::ChatRequest;
use harmonic_api::openai::completions::CompletionBody;
use harmonic_api::openai::responses::ResponsesBody;
use harmonic_api::{EmbedBody, EmbeddingsBody, ndjson, sse};
use schemars::{Schema, SchemaGenerator};

/// One method of one path.
pub(super) struct Operation {
    /// In lower case.
    pub(super) method: &'static str,
    /// As the router has it.
    pub(super) path: &'static str,
    /// One line for people.
    pub(super) summary: &'static str,
    /// The schema of what it takes.
    pub(super) body: Option<fn(&mut SchemaGenerator) -> Schema>,
    /// Whether the body's `model` is an agent.
    pub(super) names_agent: bool,
    /// What it answers with.
    pub(super) answer: Answer,
}

/// What an operation answers with.
#[derive(Clone, Copy)]
pub(super) enum Answer {
    /// A document.
    Json,
    /// A document, or a stream of this media type.
    Streamed(&'static str),
    /// A stream of server-sent events, and no document.
    Events,
    /// Plain text.
    Text,
    /// Figures, in the `OpenMetrics` text format.
    Metrics,
}

/// A path that is only read.
const fn get(path: &'static str, summary: &'static str, answer: Answer) -> Operation {
    Operation { method: "get", path, summary, body: None, names_agent: false, answer }
}

/// A path of Ollama's that changes its models: agents do not change.
const fn refused(method: &'static str, path: &'static str) -> Operation {
    let summary = "Refused: agents are what the stack says";
    Operation { method, path, summary, body: None, names_agent: false, answer: Answer::Json }
}

/// A path that asks an agent.
const fn ask(
    path: &'static str,
    summary: &'static str,
    body: fn(&mut SchemaGenerator) -> Schema,
    answer: Answer,
) -> Operation {
    Operation { method: "post", path, summary, body: Some(body), names_agent: true, answer }
}

const SSE: Answer = Answer::Streamed(sse::MEDIA_TYPE);
const LINES: Answer = Answer::Streamed(ndjson::MEDIA_TYPE);

/// All operations.
pub(super) const OPERATIONS: &[Operation] = &[
    get("/health", "Whether every engine can serve", Answer::Json),
    get("/ready", "Whether requests for every agent are taken now", Answer::Json),
    get("/slots", "Who has which slots, and who waits", Answer::Json),
    get("/events", "What happens in the team, from now on", Answer::Events),
    get("/metrics", "Figures for Prometheus", Answer::Metrics),
    get("/openapi.json", "This document", Answer::Json),
    ask("/v1/chat/completions", "Ask an agent", SchemaGenerator::subschema_for::<ChatRequest>, SSE),
    ask(
        "/v1/completions",
        "Continue a text",
        SchemaGenerator::subschema_for::<CompletionBody>,
        SSE,
    ),
    ask("/v1/responses", "Ask an agent", SchemaGenerator::subschema_for::<ResponsesBody>, SSE),
    ask(
        "/v1/embeddings",
        "Refused: no engine makes embeddings",
        SchemaGenerator::subschema_for::<EmbeddingsBody>,
        Answer::Json,
    ),
    get("/v1/models", "The agents", Answer::Json),
    get("/v1/models/{model}", "One agent", Answer::Json),
    ask("/v1/messages", "Ask an agent", SchemaGenerator::subschema_for::<MessagesBody>, SSE),
    ask(
        "/v1/messages/count_tokens",
        "Count the tokens of a prompt",
        SchemaGenerator::subschema_for::<CountBody>,
        Answer::Json,
    ),
    get("/", "That the server runs", Answer::Text),
    ask("/api/chat", "Ask an agent", SchemaGenerator::subschema_for::<ChatBody>, LINES),
    ask(
        "/api/generate",
        "Ask an agent, or continue a text",
        SchemaGenerator::subschema_for::<GenerateBody>,
        LINES,
    ),
    get("/api/tags", "The agents", Answer::Json),
    get("/api/ps", "The agents that can be asked now", Answer::Json),
    ask("/api/show", "One agent", SchemaGenerator::subschema_for::<ShowBody>, Answer::Json),
    get("/api/version", "The version of the dialect, and of the program", Answer::Json),
    Operation {
        names_agent: false,
        ..ask("/api/pull", "Fetch a model", SchemaGenerator::subschema_for::<PullBody>, LINES)
    },
    refused("post", "/api/create"),
    refused("post", "/api/copy"),
    refused("delete", "/api/delete"),
    refused("post", "/api/push"),
    refused("post", "/api/me"),
    refused("post", "/api/blobs/{digest}"),
    ask(
        "/api/embed",
        "Refused: no engine makes embeddings",
        SchemaGenerator::subschema_for::<EmbedBody>,
        Answer::Json,
    ),
    ask(
        "/api/embeddings",
        "Refused: no engine makes embeddings",
        SchemaGenerator::subschema_for::<EmbedBody>,
        Answer::Json,
    ),
];
