//! Operations of the API, by path.

use harmonic_api::anthropic::{CountBody, MessagesBody};
use harmonic_api::ollama::{ChatBody, GenerateBody, PullBody, ShowBody};
use harmonic_api::openai::ChatRequest;
use harmonic_api::openai::completions::CompletionBody;
use harmonic_api::openai::responses::ResponsesBody;
use harmonic_api::runs::{AnswerToolCall, CreateRun, DecideApproval};
use harmonic_api::{EmbedBody, EmbeddingsBody, OlderEmbedBody, ndjson, sse};
use schemars::{Schema, SchemaGenerator, json_schema};

/// Operation: one method of one path.
pub(super) struct Operation {
    /// HTTP method in lower case.
    pub(super) method: &'static str,
    /// Path as in the router.
    pub(super) path: &'static str,
    /// Summary in one line.
    pub(super) summary: &'static str,
    /// Schema of the body; `None` without one.
    pub(super) body: Option<fn(&mut SchemaGenerator) -> Schema>,
    /// Whether the body's `model` names an agent.
    pub(super) names_agent: bool,
    /// Form of the answer.
    pub(super) answer: Answer,
}

/// Form of an answer.
#[derive(Clone, Copy)]
pub(super) enum Answer {
    /// A JSON document.
    Json,
    /// A JSON document, or a stream of this media type.
    Streamed(&'static str),
    /// A stream of server-sent events, and no document.
    Events,
    /// Plain text, or a JSON document or a page if asked for.
    Described,
    /// Metrics in the `OpenMetrics` text format.
    Metrics,
    /// Plain text.
    Text,
    /// No body.
    Nothing,
}

/// Operation without a body.
const fn get(path: &'static str, summary: &'static str, answer: Answer) -> Operation {
    Operation { method: "get", path, summary, body: None, names_agent: false, answer }
}

/// Operation of Ollama that changes models, which is always refused.
const fn refused(method: &'static str, path: &'static str) -> Operation {
    let summary = "Refused: agents come from the stack file";
    Operation { method, path, summary, body: None, names_agent: false, answer: Answer::Json }
}

/// Operation with a body that names an agent.
const fn ask(
    path: &'static str,
    summary: &'static str,
    body: fn(&mut SchemaGenerator) -> Schema,
    answer: Answer,
) -> Operation {
    Operation { method: "post", path, summary, body: Some(body), names_agent: true, answer }
}

/// Operation on runs and on responses, which name no agent.
const fn run(
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    answer: Answer,
) -> Operation {
    Operation { method, path, summary, body: None, names_agent: false, answer }
}

/// A request of JSON-RPC. Its parameters are defined by the protocol.
fn rpc_request(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "properties": {
            "jsonrpc": {"const": "2.0"},
            "id": {"type": ["string", "integer"]},
            "method": {"type": "string"},
            "params": {"type": "object"},
        },
        "required": ["jsonrpc", "id", "method"],
    })
}

const SSE: Answer = Answer::Streamed(sse::MEDIA_TYPE);
const LINES: Answer = Answer::Streamed(ndjson::MEDIA_TYPE);

/// All operations.
pub(super) const OPERATIONS: &[Operation] = &[
    get("/health", "State of every engine", Answer::Json),
    get("/ready", "Whether requests to every agent are accepted", Answer::Json),
    get("/slots", "Slots of every agent, and queued requests", Answer::Json),
    get("/events", "What happens in the team, from now on", Answer::Events),
    get("/metrics", "Metrics for Prometheus", Answer::Metrics),
    get("/openapi.json", "This document", Answer::Json),
    ask("/v1/chat/completions", "Ask an agent", SchemaGenerator::subschema_for::<ChatRequest>, SSE),
    ask(
        "/v1/completions",
        "Continue a text",
        SchemaGenerator::subschema_for::<CompletionBody>,
        SSE,
    ),
    ask("/v1/responses", "Ask an agent", SchemaGenerator::subschema_for::<ResponsesBody>, SSE),
    run("get", "/v1/responses/{id}", "A response in the background, up to now", SSE),
    run("post", "/v1/responses/{id}/cancel", "Cancel a response in the background", Answer::Json),
    run("delete", "/v1/responses/{id}", "Remove a response in the background", Answer::Json),
    ask(
        "/v1/embeddings",
        "Vectors of texts",
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
    get("/", "What this server is: its agents, and where to go", Answer::Described),
    ask("/api/chat", "Ask an agent", SchemaGenerator::subschema_for::<ChatBody>, LINES),
    ask(
        "/api/generate",
        "Ask an agent, or continue a text",
        SchemaGenerator::subschema_for::<GenerateBody>,
        LINES,
    ),
    get("/api/tags", "The agents", Answer::Json),
    get("/api/ps", "The agents whose engines are ready", Answer::Json),
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
        "Vectors of texts",
        SchemaGenerator::subschema_for::<EmbedBody>,
        Answer::Json,
    ),
    ask(
        "/api/embeddings",
        "Vector of a text, not normalised",
        SchemaGenerator::subschema_for::<OlderEmbedBody>,
        Answer::Json,
    ),
    Operation {
        body: Some(SchemaGenerator::subschema_for::<CreateRun>),
        ..run("post", "/runs", "Give the team a goal", Answer::Json)
    },
    run("get", "/runs", "The runs of this key, newest first", Answer::Json),
    run("get", "/runs/{id}", "The record of a run, up to now", Answer::Json),
    run("get", "/runs/{id}/events", "What happens in a run", Answer::Events),
    run("get", "/runs/{id}/approvals", "Questions that wait for a person", Answer::Json),
    Operation {
        body: Some(SchemaGenerator::subschema_for::<DecideApproval>),
        ..run("post", "/runs/{id}/approvals/{n}", "Answer a question", Answer::Json)
    },
    run("post", "/runs/{id}/stop", "Interrupt a run, so that it can be resumed", Answer::Json),
    run("post", "/runs/{id}/resume", "Let a stopped run go on", Answer::Json),
    run("post", "/runs/{id}/replay", "Do a finished run again, without a model", Answer::Json),
    run("delete", "/runs/{id}", "End a run and remove all of it", Answer::Nothing),
    run("get", "/runs/{id}/artifacts/{task}", "The artifact of a task, whole", Answer::Text),
    run("get", "/runs/{id}/tools", "The tools of a run", Answer::Json),
    run(
        "get",
        "/runs/{id}/tool-calls",
        "Calls of the tools that this client offers",
        Answer::Events,
    ),
    Operation {
        body: Some(SchemaGenerator::subschema_for::<AnswerToolCall>),
        ..run("post", "/runs/{id}/tool-calls/{call}", "Say what a call has given", Answer::Nothing)
    },
    get("/.well-known/agent-card.json", "Card of the team for agents (A2A)", Answer::Json),
    Operation {
        body: Some(rpc_request),
        ..run("post", "/a2a", "Give the team a task as an agent (A2A, JSON-RPC)", SSE)
    },
];
