//! Body of a request in the server's dialect.
//!
//! Invariants: a body carries every field of a request that passed
//! [`ServerFields::check`](crate::server_fields::ServerFields::check), and the agent's sampling
//! as far as the server has fields for it; it never carries a context, which would make Ollama
//! load the model again.

use harmonic_api::{StreamedRequest, ollama, openai};
use harmonic_types::{
    AgentName, EngineKind, Prompt, RemoteDialect, Request, RequestClass, Role, Sampling,
    SamplingOverrides, ToolChoice,
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::config::HttpAgent;
use crate::conversation::conversation;
use crate::server_fields::{ServerFields, callable};

/// Name of a schema, which OpenAI requires.
const SCHEMA_NAME: &str = "answer";

/// A request as the server gets it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Body {
    pub(crate) request: StreamedRequest,
    pub(crate) json: Value,
}

impl Body {
    /// The body of `request` to `agent`.
    pub(crate) fn new(
        fields: &ServerFields,
        agent: &HttpAgent,
        sends_system: bool,
        mut request: Request,
    ) -> Self {
        let is_switched_off = request.thinking == Some(false);
        let thinking = thinking(&request, agent.spec.thinking);
        request.agent = AgentName(agent.model.clone());
        // The server has no classes: OpenAI's `flex` is a matter of its price.
        request.class = RequestClass::Interactive;
        request.context = None;
        request.seed = request.seed.map(positive);
        request.sampling = sampling(fields, &request.sampling, &agent.spec.sampling);
        let tools = callable(&request).to_vec();
        if tools.is_empty() {
            // Servers refuse a choice without tools.
            request.tool_choice = ToolChoice::Auto;
            request.parallel_tool_calls = true;
        }
        if let Prompt::Chat { messages, .. } = request.prompt {
            let messages = conversation(&agent.spec, request.system, sends_system, messages);
            request.prompt = Prompt::Chat { messages, tools };
        }
        request.thinking = thinking;
        match (fields.dialect, &request.prompt) {
            (RemoteDialect::OpenAi, Prompt::Chat { .. }) => {
                let json = openai_chat(fields, request, is_switched_off);
                Self { request: StreamedRequest::Chat, json }
            }
            (RemoteDialect::OpenAi, Prompt::Text(_)) => {
                let body = object(&openai::completions::encode(&request));
                let json = with_usage(for_kind(fields.kind, body));
                Self { request: StreamedRequest::Completion, json }
            }
            (RemoteDialect::Ollama, Prompt::Chat { .. }) => {
                let json = untruncated(object(&ollama_chat(&request)));
                Self { request: StreamedRequest::OllamaChat, json }
            }
            (RemoteDialect::Ollama, Prompt::Text(_)) => {
                let json = untruncated(object(&ollama::encode_generate(&request)));
                Self { request: StreamedRequest::OllamaGenerate, json }
            }
        }
    }
}

fn openai_chat(fields: &ServerFields, mut request: Request, is_switched_off: bool) -> Value {
    if !fields.has_extensions()
        && let Prompt::Chat { messages, .. } = &mut request.prompt
    {
        // OpenAI's API has no field for the reasoning of earlier turns.
        for message in messages {
            message.reasoning = None;
        }
    }
    let mut body = object(&openai::encode(&request));
    body.remove("chat_template_kwargs");
    if fields.has_extensions() {
        let effort = request.effort.map(|effort| ("reasoning_effort", effort.as_str().into()));
        let thinking = request.thinking.map(|thinks| ("enable_thinking", thinks.into()));
        let arguments: Map<String, Value> = effort
            .into_iter()
            .chain(thinking)
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        if !arguments.is_empty() {
            body.insert("chat_template_kwargs".to_owned(), arguments.into());
        }
    } else if is_switched_off {
        body.insert("reasoning_effort".to_owned(), "none".into());
    }
    if let Some(schema) = body.get_mut("response_format").and_then(|it| it.get_mut("json_schema")) {
        schema["name"] = SCHEMA_NAME.into();
        schema["strict"] = true.into();
    }
    for tool in body.get_mut("tools").and_then(Value::as_array_mut).into_iter().flatten() {
        let function = &mut tool["function"];
        if request.strict_tools.iter().any(|name| function["name"] == name.as_str()) {
            function["strict"] = true.into();
        }
    }
    with_usage(for_kind(fields.kind, body))
}

/// The chat with the names of the tools whose results it has, which Ollama's templates show.
fn ollama_chat(request: &Request) -> ollama::ChatBody {
    let mut body = ollama::encode_chat(request);
    let messages = request.prompt.messages();
    for (message, sent) in messages.iter().zip(&mut body.messages) {
        if message.role == Role::Tool {
            let calls = messages.iter().flat_map(|message| &message.tool_calls);
            let call =
                calls.into_iter().find(|call| Some(&call.id) == message.tool_call_id.as_ref());
            sent.tool_name = call.map(|call| call.name.clone());
        }
    }
    body
}

/// The body under the names that a server has for it.
fn for_kind(kind: EngineKind, mut body: Map<String, Value>) -> Map<String, Value> {
    if kind == EngineKind::Vllm
        && let Some(penalty) = body.remove("repeat_penalty")
    {
        body.insert("repetition_penalty".to_owned(), penalty);
    }
    body
}

/// The body as a stream that ends with its token counts.
fn with_usage(mut body: Map<String, Value>) -> Value {
    body.insert("stream".to_owned(), true.into());
    body.insert("stream_options".to_owned(), json!({"include_usage": true}));
    body.into()
}

/// The body as a stream whose prompt is refused where it is too long, and whose answer ends where
/// the context is full: Ollama's defaults drop tokens silently.
fn untruncated(mut body: Map<String, Value>) -> Value {
    body.insert("stream".to_owned(), true.into());
    body.insert("truncate".to_owned(), false.into());
    body.insert("shift".to_owned(), false.into());
    body.into()
}

fn object(body: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(body) {
        Ok(Value::Object(object)) => object,
        // Bodies are structs of strings, numbers and lists.
        Ok(_) | Err(_) => Map::new(),
    }
}

/// Sampling of a request, as far as the server has fields for it. A request's own values were
/// checked; those of the agent that the server lacks are the server's.
fn sampling(
    fields: &ServerFields,
    asked: &SamplingOverrides,
    agent: &Sampling,
) -> SamplingOverrides {
    let Sampling {
        temperature,
        top_k,
        top_p,
        min_p,
        repeat_penalty,
        presence_penalty,
        frequency_penalty,
    } = asked.over(agent);
    let extended = fields.has_extensions();
    SamplingOverrides {
        temperature: Some(temperature),
        top_p: Some(top_p),
        presence_penalty: Some(presence_penalty),
        frequency_penalty: Some(frequency_penalty),
        top_k: extended.then_some(top_k),
        min_p: extended.then_some(min_p),
        repeat_penalty: extended.then_some(repeat_penalty),
    }
}

/// Whether the model should think, as far as the server is told: a model that cannot think is not
/// asked to by the agent's default. As on engines of ours, constrained answers have no reasoning
/// unless it is requested.
fn thinking(request: &Request, default: bool) -> Option<bool> {
    let forced = matches!(request.tool_choice, ToolChoice::Required | ToolChoice::Named(_));
    match (request.thinking, request.effort) {
        (Some(thinks), _) => Some(thinks),
        (None, Some(_)) => Some(true),
        (None, None) if request.format.is_some() || forced || !default => Some(false),
        (None, None) => None,
    }
}

/// A seed that every server takes for one: 31 bits, since -1 is a random one to some and others
/// have 32 bits. Small seeds stay what they are.
fn positive(seed: u64) -> u64 {
    (seed ^ (seed >> 32)) & 0x7fff_ffff
}

#[cfg(test)]
mod tests;
