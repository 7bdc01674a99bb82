//! From a body to a [`Request`].
//!
//! Invariants: as in OpenAI's dialect. A tool call without an id gets one from its position in the
//! conversation; a tool result without one belongs to the oldest call without a result.

use std::collections::VecDeque;

use harmonic_types::{ContentPart, Format, Message, Prompt, Request, RequestId, Role, ToolCall};
use serde_json::Value;

use super::options;
use super::request::{CallBody, ChatBody, GenerateBody, MessageBody};
use crate::checks::{self, no_nul};
use crate::features::FeatureFields;
use crate::validation_error::ValidationError;
use crate::{media, openai, tools};

/// Request of `body`, with the given id. A body without messages checks whether the agent is
/// available.
///
/// # Errors
/// [`ValidationError::Value`] for a value out of range, [`ValidationError::Unsupported`] for an
/// unsupported field.
pub fn decode_chat(body: ChatBody, id: RequestId) -> Result<Request, ValidationError> {
    decode_chat_naming(body, id, &mut FeatureFields::default())
}

/// As the public function, also recording field names in `fields`.
pub(super) fn decode_chat_naming(
    body: ChatBody,
    id: RequestId,
    fields: &mut FeatureFields,
) -> Result<Request, ValidationError> {
    fields.format = "format";
    let mut request = Request::new(id, checks::agent(body.model)?, Vec::new());
    options::decode(body.options, &mut request)?;
    request.format = format(body.format)?;
    request.effort = checks::effort(body.think.as_ref().and_then(Value::as_str));
    request.thinking = think(body.think)?;
    request.top_logprobs = checks::top_logprobs(body.logprobs.unwrap_or(false), body.top_logprobs)?;
    let mut open = VecDeque::new();
    let messages = body
        .messages
        .into_iter()
        .enumerate()
        .map(|(index, message)| self::message(index, message, &mut open, fields))
        .collect::<Result<_, _>>()?;
    request.strict_tools = openai::strict_tools(body.tools.as_deref());
    request.prompt = Prompt::Chat { messages, tools: openai::decode_tools(body.tools)? };
    keep_alive(body.keep_alive.as_ref(), request.prompt.messages().is_empty())?;
    Ok(request)
}

/// Request of `body`, with the given id. An empty prompt checks whether the agent is available.
///
/// # Errors
/// As [`decode_chat`].
pub fn decode_generate(body: GenerateBody, id: RequestId) -> Result<Request, ValidationError> {
    decode_generate_naming(body, id, &mut FeatureFields::default())
}

/// As the public function, also recording field names in `fields`.
pub(super) fn decode_generate_naming(
    body: GenerateBody,
    id: RequestId,
    fields: &mut FeatureFields,
) -> Result<Request, ValidationError> {
    fields.format = "format";
    let mut request = Request::new(id, checks::agent(body.model)?, Vec::new());
    checks::refuse_if_set("suffix", body.suffix.as_ref(), ": leave it out")?;
    checks::refuse_if_set("template", body.template.as_ref(), ": use `raw`")?;
    checks::refuse_if_set("context", body.context.as_ref(), ": send messages to /api/chat")?;
    options::decode(body.options, &mut request)?;
    request.format = format(body.format)?;
    request.effort = checks::effort(body.think.as_ref().and_then(Value::as_str));
    request.thinking = think(body.think)?;
    request.top_logprobs = checks::top_logprobs(body.logprobs.unwrap_or(false), body.top_logprobs)?;
    let prompt = body.prompt.unwrap_or_default();
    keep_alive(body.keep_alive.as_ref(), prompt.is_empty())?;
    no_nul("prompt", &prompt)?;
    let system = body.system.filter(|system| !system.is_empty());
    if let Some(system) = &system {
        no_nul("system", system)?;
    }
    request.prompt = if body.raw == Some(true) {
        if system.is_some() {
            return Err(ValidationError::value(
                "system",
                "is not for `raw: true`: put it in `prompt`",
            ));
        }
        if body.images.is_some_and(|images| !images.is_empty()) {
            return Err(ValidationError::unsupported("images", " with `raw: true`"));
        }
        Prompt::Text(prompt)
    } else {
        let system = system.map(|system| Message::new(Role::System, system));
        let mut parts = images("images", body.images, fields)?;
        parts.extend((!prompt.is_empty()).then(|| ContentPart::text(prompt)));
        let user = (!parts.is_empty()).then(|| Message::of_parts(Role::User, parts));
        Prompt::chat(system.into_iter().chain(user).collect())
    };
    Ok(request)
}

/// Validates `keep_alive`, which has no effect: the plan determines what is loaded. 0 with nothing
/// to answer means unloading, which is refused.
pub(crate) fn keep_alive(
    keep_alive: Option<&Value>,
    is_empty_value: bool,
) -> Result<(), ValidationError> {
    let invalid =
        || ValidationError::value("keep_alive", "must be seconds, or a duration such as \"5m\"");
    let seconds = match keep_alive {
        None | Some(Value::Null) => None,
        Some(Value::Number(seconds)) => seconds.as_f64(),
        Some(Value::String(duration)) => Some(seconds(duration).ok_or_else(invalid)?),
        Some(_) => return Err(invalid()),
    };
    if is_empty_value && seconds == Some(0.0) {
        let detail =
            " as 0: agents stay loaded as long as the server runs; `harmonic down` stops it";
        return Err(ValidationError::unsupported("keep_alive", detail));
    }
    Ok(())
}

/// Seconds of a duration: a number of seconds, or numbers with units (`1h30m`, `-1s`).
fn seconds(duration: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 7] = [
        ("ns", 1e-9),
        ("us", 1e-6),
        ("µs", 1e-6),
        ("ms", 1e-3),
        ("s", 1.0),
        ("m", 60.0),
        ("h", 3600.0),
    ];
    let unsigned = duration.strip_prefix(['-', '+']).unwrap_or(duration);
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    let (mut rest, mut seconds) = (unsigned, 0.0);
    loop {
        let (number, after) = rest.split_at(rest.find(|c| !is_number(c)).unwrap_or(rest.len()));
        let number: f64 = number.parse().ok()?;
        if after.is_empty() && rest == unsigned {
            return Some(number);
        }
        let end = after.find(is_number).unwrap_or(after.len());
        let (unit, next) = after.split_at(end);
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
        seconds += number * factor;
        if next.is_empty() {
            return Some(seconds);
        }
        rest = next;
    }
}

fn format(format: Option<Value>) -> Result<Option<Format>, ValidationError> {
    match format {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(word)) if word.is_empty() => Ok(None),
        Some(Value::String(word)) if word == "json" => Ok(Some(Format::JsonObject)),
        Some(schema @ Value::Object(_)) => Ok(Some(Format::JsonSchema(schema.to_string()))),
        Some(_) => {
            Err(ValidationError::value("format", "must be `json` or a JSON Schema: an object"))
        }
    }
}

fn think(think: Option<Value>) -> Result<Option<bool>, ValidationError> {
    match think {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(think)) => Ok(Some(think)),
        Some(Value::String(word)) if ["low", "medium", "high"].contains(&word.as_str()) => {
            Ok(Some(true))
        }
        Some(Value::String(word)) if word == "none" => Ok(Some(false)),
        Some(_) => {
            Err(ValidationError::value("think", "must be true, false, `low`, `medium` or `high`"))
        }
    }
}

/// Message number `index`; `open` are the tool calls so far without a result.
fn message(
    index: usize,
    body: MessageBody,
    open: &mut VecDeque<(String, String)>,
    fields: &mut FeatureFields,
) -> Result<Message, ValidationError> {
    let path = format!("messages[{index}]");
    let role = match body.role.as_str() {
        "system" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        other => {
            let reason =
                format!("is `{other}`, but must be `system`, `user`, `assistant` or `tool`");
            return Err(ValidationError::value(format!("{path}.role"), reason));
        }
    };
    let at = format!("{path}.images");
    if matches!(role, Role::System | Role::Assistant) && body.images.iter().flatten().count() > 0 {
        return Err(ValidationError::unsupported(
            at,
            format!(" in messages of the {}", role.as_str()),
        ));
    }
    let mut parts = images(&at, body.images, fields)?;
    let content = body.content.unwrap_or_default();
    no_nul(&format!("{path}.content"), &content)?;
    parts.push(ContentPart::text(content));
    for (field, text) in [
        ("thinking", &body.thinking),
        ("tool_name", &body.tool_name),
        ("tool_call_id", &body.tool_call_id),
    ] {
        no_nul(&format!("{path}.{field}"), text.as_deref().unwrap_or_default())?;
    }
    let calls = body.tool_calls.into_iter().flatten().enumerate();
    let calls = calls
        .map(|(number, body)| call(&path, index, number, body))
        .collect::<Result<Vec<_>, _>>()?;
    if role != Role::Assistant && !calls.is_empty() {
        let reason = "is only for messages of the assistant";
        return Err(ValidationError::value(format!("{path}.tool_calls"), reason));
    }
    open.extend(calls.iter().map(|call| (call.id.clone(), call.name.clone())));
    let answered = (role == Role::Tool)
        .then(|| answered(open, body.tool_call_id.as_deref(), body.tool_name.as_deref()));
    Ok(Message {
        reasoning: body.thinking,
        tool_calls: calls,
        tool_call_id: body.tool_call_id.or(answered.flatten()),
        ..Message::of_parts(role, parts)
    })
}

/// Images of the list at `path`, recorded in `fields`.
fn images(
    path: &str,
    list: Option<Vec<String>>,
    fields: &mut FeatureFields,
) -> Result<Vec<ContentPart>, ValidationError> {
    let one = |(number, base64): (usize, String)| {
        let path = format!("{path}[{number}]");
        fields.note_image(&path)?;
        media::of_base64(&path, None, base64).map(ContentPart::Image)
    };
    list.into_iter().flatten().enumerate().map(one).collect()
}

fn call(
    path: &str,
    message: usize,
    number: usize,
    body: CallBody,
) -> Result<ToolCall, ValidationError> {
    let id = body.id.filter(|id| !id.is_empty());
    let id = id.unwrap_or_else(|| format!("call_{message}_{number}"));
    let arguments = tools::arguments(body.function.arguments);
    let path = format!("{path}.tool_calls[{number}].function");
    tools::call(&path, id, body.function.name, arguments)
}

/// Removes the call answered by a result from `open`: the one with this id, else the oldest with
/// this name, else the oldest.
fn answered(
    open: &mut VecDeque<(String, String)>,
    id: Option<&str>,
    name: Option<&str>,
) -> Option<String> {
    let place = match (id, name) {
        (Some(id), _) => open.iter().position(|(open, _)| open == id),
        (None, Some(name)) => open.iter().position(|(_, open)| open == name),
        (None, None) => Some(0),
    };
    open.remove(place?).map(|(id, _)| id)
}

#[cfg(test)]
mod tests;
