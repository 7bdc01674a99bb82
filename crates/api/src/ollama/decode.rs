//! From a body to a [`Request`].
//!
//! Invariants: as in OpenAI's dialect. A call without an id gets one from its place in the
//! conversation, and a result without one is of the oldest call that has none yet.

use std::collections::VecDeque;

use harmonic_types::{ContentPart, Format, Message, Prompt, Request, RequestId, Role, ToolCall};
use serde_json::Value;

use super::options;
use super::request::{CallBody, ChatBody, GenerateBody, MessageBody};
use crate::checks::{self, no_nul};
use crate::features::FeatureFields;
use crate::invalid::Invalid;
use crate::{media, openai, tools};

/// The request that `body` asks for, under the name `id`. Without messages it has none either:
/// such a body asks whether the agent is there.
///
/// # Errors
/// [`Invalid::Value`] for a value out of range, [`Invalid::Unsupported`] for what this version
/// cannot honour.
pub fn decode_chat(body: ChatBody, id: RequestId) -> Result<Request, Invalid> {
    decode_chat_naming(body, id, &mut FeatureFields::default())
}

/// The same, and the names of its fields put into `fields`.
pub(super) fn decode_chat_naming(
    body: ChatBody,
    id: RequestId,
    fields: &mut FeatureFields,
) -> Result<Request, Invalid> {
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

/// The request that `body` asks for, under the name `id`; an empty prompt asks whether the agent is
/// there.
///
/// # Errors
/// As [`decode_chat`].
pub fn decode_generate(body: GenerateBody, id: RequestId) -> Result<Request, Invalid> {
    decode_generate_naming(body, id, &mut FeatureFields::default())
}

/// The same, and the names of its fields put into `fields`.
pub(super) fn decode_generate_naming(
    body: GenerateBody,
    id: RequestId,
    fields: &mut FeatureFields,
) -> Result<Request, Invalid> {
    fields.format = "format";
    let mut request = Request::new(id, checks::agent(body.model)?, Vec::new());
    checks::absent("suffix", body.suffix.as_ref(), ": leave it out")?;
    checks::absent("template", body.template.as_ref(), ": use `raw`")?;
    checks::absent("context", body.context.as_ref(), ": send messages to /api/chat")?;
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
            return Err(Invalid::value("system", "is not for `raw: true`: put it in `prompt`"));
        }
        if body.images.is_some_and(|images| !images.is_empty()) {
            return Err(Invalid::unsupported("images", " with `raw: true`"));
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

/// How long weights stay loaded is the plan's to say; with 0 and nothing to answer a body asks to
/// unload them, which is refused.
fn keep_alive(keep_alive: Option<&Value>, says_nothing: bool) -> Result<(), Invalid> {
    let seconds = match keep_alive {
        None | Some(Value::Null) => None,
        Some(Value::Number(seconds)) => seconds.as_f64(),
        Some(Value::String(duration)) => {
            duration.trim_end_matches(|c: char| c.is_ascii_alphabetic()).parse().ok()
        }
        Some(_) => return Err(Invalid::value("keep_alive", "must be seconds or a duration")),
    };
    if says_nothing && seconds == Some(0.0) {
        let detail =
            " as 0: agents stay loaded as long as the server runs; `harmonic down` stops it";
        return Err(Invalid::unsupported("keep_alive", detail));
    }
    Ok(())
}

fn format(format: Option<Value>) -> Result<Option<Format>, Invalid> {
    match format {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(word)) if word.is_empty() => Ok(None),
        Some(Value::String(word)) if word == "json" => Ok(Some(Format::JsonObject)),
        Some(schema @ Value::Object(_)) => Ok(Some(Format::JsonSchema(schema.to_string()))),
        Some(_) => Err(Invalid::value("format", "must be `json` or a JSON Schema: an object")),
    }
}

fn think(think: Option<Value>) -> Result<Option<bool>, Invalid> {
    match think {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(think)) => Ok(Some(think)),
        Some(Value::String(word)) if ["low", "medium", "high"].contains(&word.as_str()) => {
            Ok(Some(true))
        }
        Some(Value::String(word)) if word == "none" => Ok(Some(false)),
        Some(_) => Err(Invalid::value("think", "must be true, false, `low`, `medium` or `high`")),
    }
}

/// The message number `index`; `open` are the calls so far that have no result.
fn message(
    index: usize,
    body: MessageBody,
    open: &mut VecDeque<(String, String)>,
    fields: &mut FeatureFields,
) -> Result<Message, Invalid> {
    let path = format!("messages[{index}]");
    let role = match body.role.as_str() {
        "system" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        other => {
            let reason =
                format!("is `{other}`, but must be `system`, `user`, `assistant` or `tool`");
            return Err(Invalid::value(format!("{path}.role"), reason));
        }
    };
    let at = format!("{path}.images");
    if matches!(role, Role::System | Role::Assistant) && body.images.iter().flatten().count() > 0 {
        return Err(Invalid::unsupported(at, format!(" in messages of the {}", role.as_str())));
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
        return Err(Invalid::value(format!("{path}.tool_calls"), reason));
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

/// The images of the list at `path`, noted in `fields`.
fn images(
    path: &str,
    list: Option<Vec<String>>,
    fields: &mut FeatureFields,
) -> Result<Vec<ContentPart>, Invalid> {
    let one = |(number, base64): (usize, String)| {
        let path = format!("{path}[{number}]");
        fields.note_image(&path)?;
        media::of_base64(&path, None, base64).map(ContentPart::Image)
    };
    list.into_iter().flatten().enumerate().map(one).collect()
}

fn call(path: &str, message: usize, number: usize, body: CallBody) -> Result<ToolCall, Invalid> {
    let id = body.id.filter(|id| !id.is_empty());
    let id = id.unwrap_or_else(|| format!("call_{message}_{number}"));
    let arguments = tools::arguments(body.function.arguments);
    let path = format!("{path}.tool_calls[{number}].function");
    tools::call(&path, id, body.function.name, arguments)
}

/// Takes the call that a result is of out of `open`: the one with this id, else the oldest of this
/// name, else the oldest.
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
