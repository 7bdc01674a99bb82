//! From a body to a [`Request`].
//!
//! Invariants: as in the chat. The items of one answer (reasoning, message, tool calls) become one
//! assistant message again.

use harmonic_types::{Format, Message, Prompt, Request, RequestId, Role, Tool, ToolChoice};
use serde_json::Value;

use super::request::{ChoiceBody, FormatBody, ItemBody, ResponsesBody, ToolBody};
use crate::checks::{self, no_nul};
use crate::features::FeatureFields;
use crate::openai::{
    FUNCTION, Kinds, MessageContent, choice_of_keyword, content_parts, content_result,
    content_text, require_function,
};
use crate::tools;
use crate::untagged::{Content, StringOrObject};
use crate::validation_error::ValidationError;

/// Name of log-probabilities in `include`.
pub(super) const LOGPROBS: &str = "message.output_text.logprobs";

/// Part kinds of messages.
pub(super) const INPUT: Kinds =
    Kinds { texts: &["input_text", "output_text", "text"], image: "input_image" };
/// Part kinds of tool results.
const OUTPUT: Kinds = Kinds { texts: &["input_text", "text"], image: "input_image" };

/// Request of `body`, with the given id. Streaming is not part of it.
///
/// # Errors
/// [`ValidationError::Value`] for a value out of range, [`ValidationError::Unsupported`] for an
/// unsupported field.
pub fn decode(body: ResponsesBody, id: RequestId) -> Result<Request, ValidationError> {
    decode_naming(body, id, &mut FeatureFields::default())
}

/// As [`decode`], also recording field names in `fields`.
pub(super) fn decode_naming(
    body: ResponsesBody,
    id: RequestId,
    fields: &mut FeatureFields,
) -> Result<Request, ValidationError> {
    for (param, value, detail) in [
        ("previous_response_id", &body.previous_response_id, ": send its items as `input`"),
        ("conversation", &body.conversation, ": send its items as `input`"),
        ("prompt", &body.prompt, ": write it in `instructions`"),
    ] {
        checks::refuse_if_set(param, value.as_ref(), detail)?;
    }
    if body.background == Some(true) && body.store == Some(false) {
        let reason =
            "must not be false with `background`: such a response is kept, to be read later";
        return Err(ValidationError::value("store", reason));
    }
    let truncation = body.truncation.as_deref();
    if let Some(other) = truncation.filter(|word| !["disabled", "auto"].contains(word)) {
        let reason = format!("is `{other}`, but must be `disabled` or `auto`");
        return Err(ValidationError::value("truncation", reason));
    }
    let sampling = body.sampling_fields();
    let mut request = Request::new(id, checks::agent(body.model)?, Vec::new());
    request.class = checks::class(body.service_tier.as_deref(), checks::SERVICE_TIERS)?;
    request.sampling = sampling.decode("")?;
    request.max_tokens = checks::max_tokens("max_output_tokens", body.max_output_tokens)?;
    let included = body.include.iter().flatten().any(|value| value == LOGPROBS);
    fields.logprobs = if body.top_logprobs.is_some() { "top_logprobs" } else { "include" };
    fields.format = "text.format";
    let alternatives = body.top_logprobs.or(included.then_some(0));
    request.top_logprobs = checks::alternatives("top_logprobs", alternatives)?;
    if body.background == Some(true) && request.top_logprobs.is_some() {
        let detail = " with `background`: they are too large to be kept";
        return Err(ValidationError::unsupported(fields.logprobs, detail));
    }
    let effort = body.reasoning.and_then(|reasoning| reasoning.effort);
    request.thinking = checks::thinking_of_effort(effort.as_deref());
    request.effort = checks::effort(effort.as_deref());
    request.format = format(body.text.and_then(|text| text.format))?;
    let functions = body.tools.iter().flatten().filter(|tool| tool.kind == FUNCTION);
    let strict = functions.filter(|tool| tool.strict == Some(true));
    request.strict_tools = strict.map(|tool| tool.name.clone()).collect();
    let tools = tools(body.tools)?;
    request.tool_choice = choice(body.tool_choice, &tools)?;
    request.parallel_tool_calls = body.parallel_tool_calls.unwrap_or(true);
    let messages = messages(body.instructions, body.input, fields)?;
    request.prompt = Prompt::Chat { messages, tools };
    Ok(request)
}

fn messages(
    instructions: Option<String>,
    input: Option<Content<ItemBody>>,
    fields: &mut FeatureFields,
) -> Result<Vec<Message>, ValidationError> {
    let mut messages = Vec::new();
    if let Some(instructions) = instructions {
        no_nul("instructions", &instructions)?;
        messages.push(Message::new(Role::System, instructions));
    }
    match input {
        Some(Content::Text(text)) => {
            no_nul("input", &text)?;
            messages.push(Message::new(Role::User, text));
        }
        Some(Content::Parts(items)) if !items.is_empty() => {
            let results = |item: &ItemBody| item.kind.as_deref() == Some("function_call_output");
            let last = items.iter().rposition(|item| !results(item)).unwrap_or(0);
            for (index, item) in items.into_iter().enumerate() {
                let path = format!("input[{index}]");
                self::item(&path, item, index < last, &mut messages, fields)?;
            }
        }
        _ => return Err(ValidationError::value("input", "must hold a text or at least one item")),
    }
    Ok(messages)
}

fn field<T>(path: &str, name: &str, value: Option<T>) -> Result<T, ValidationError> {
    value.ok_or_else(|| ValidationError::value(format!("{path}.{name}"), "is missing"))
}

fn text(path: &str, content: MessageContent, kinds: &[&str]) -> Result<String, ValidationError> {
    let text = content_text(path, content, kinds)?;
    no_nul(path, &text)?;
    Ok(text)
}

/// Appends the message of the item at `path` to `messages`; `is_old` is whether an item other than
/// a tool result follows.
fn item(
    path: &str,
    item: ItemBody,
    is_old: bool,
    messages: &mut Vec<Message>,
    fields: &mut FeatureFields,
) -> Result<(), ValidationError> {
    match item.kind.as_deref() {
        None | Some("message") => message(path, item, messages, fields),
        Some("reasoning") => {
            let content = match (item.content, item.summary) {
                (Some(content), _) => content,
                (None, summary) => Content::Parts(summary.unwrap_or_default()),
            };
            let kinds = ["reasoning_text", "summary_text", "text"];
            let reasoning = Some(text(&format!("{path}.content"), content, &kinds)?);
            messages.push(Message { reasoning, ..Message::new(Role::Assistant, "") });
            Ok(())
        }
        Some("function_call") => {
            let id = field(path, "call_id", item.call_id)?;
            let name = field(path, "name", item.name)?;
            let arguments = tools::arguments(item.arguments.unwrap_or_default());
            let call = tools::call(path, id, name, arguments)?;
            match messages.last_mut() {
                Some(last) if last.role == Role::Assistant => last.tool_calls.push(call),
                _ => {
                    let tool_calls = vec![call];
                    messages.push(Message { tool_calls, ..Message::new(Role::Assistant, "") });
                }
            }
            Ok(())
        }
        Some("function_call_output") => {
            let id = field(path, "call_id", item.call_id)?;
            no_nul(&format!("{path}.call_id"), &id)?;
            let output = field(path, "output", item.output)?;
            let path = format!("{path}.output");
            let output = content_result(&path, output, OUTPUT, is_old, fields)?;
            let output = Message::of_parts(Role::Tool, output);
            no_nul(&path, &output.text())?;
            messages.push(Message { tool_call_id: Some(id), ..output });
            Ok(())
        }
        Some(other) => {
            let detail = format!(
                ": its type is `{other}`, and only `message`, `reasoning`, `function_call` and \
                 `function_call_output` are"
            );
            Err(ValidationError::unsupported(path, detail))
        }
    }
}

fn message(
    path: &str,
    item: ItemBody,
    messages: &mut Vec<Message>,
    fields: &mut FeatureFields,
) -> Result<(), ValidationError> {
    let role = match item.role.as_deref() {
        Some("system" | "developer") => Role::System,
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        other => {
            let reason = format!(
                "is `{}`, but must be `system`, `developer`, `user` or `assistant`",
                other.unwrap_or_default()
            );
            return Err(ValidationError::value(format!("{path}.role"), reason));
        }
    };
    let content = field(path, "content", item.content)?;
    let path = format!("{path}.content");
    let message = match role {
        Role::User => {
            let message = Message::of_parts(role, content_parts(&path, content, INPUT, fields)?);
            no_nul(&path, &message.text())?;
            message
        }
        _ => Message::new(role, text(&path, content, INPUT.texts)?),
    };
    // Reasoning precedes the message as an item of its own.
    let is_reasoning = |last: &&mut Message| {
        last.reasoning.is_some() && last.content.is_empty() && last.tool_calls.is_empty()
    };
    match messages.last_mut().filter(is_reasoning) {
        Some(last) if role == Role::Assistant => last.content = message.content,
        _ => messages.push(message),
    }
    Ok(())
}

fn tools(bodies: Option<Vec<ToolBody>>) -> Result<Vec<Tool>, ValidationError> {
    let one = |(index, body): (usize, ToolBody)| {
        let path = format!("tools[{index}]");
        require_function(&path, &body.kind)?;
        tools::tool(&path, "parameters", body.name, body.description, body.parameters)
    };
    let offered = bodies.into_iter().flatten().enumerate().filter(|(_, tool)| !tool.left_out());
    let all = offered.map(one).collect::<Result<Vec<_>, _>>()?;
    tools::unique(&all)?;
    Ok(all)
}

fn choice(
    body: Option<StringOrObject<ChoiceBody>>,
    of: &[Tool],
) -> Result<ToolChoice, ValidationError> {
    let choice = match body {
        None => ToolChoice::Auto,
        Some(StringOrObject::String(word)) => choice_of_keyword(&word)?,
        Some(StringOrObject::Object(named)) => {
            require_function("tool_choice", &named.kind)?;
            ToolChoice::Named(named.name)
        }
    };
    tools::choice(choice, of)
}

fn format(body: Option<FormatBody>) -> Result<Option<Format>, ValidationError> {
    let Some(body) = body else { return Ok(None) };
    match (body.kind.as_str(), body.schema) {
        ("text", _) => Ok(None),
        ("json_object", _) => Ok(Some(Format::JsonObject)),
        ("json_schema", Some(schema @ (Value::Object(_) | Value::Bool(_)))) => {
            Ok(Some(Format::JsonSchema(schema.to_string())))
        }
        ("json_schema", _) => {
            Err(ValidationError::value("text.format.schema", "must be a JSON Schema: an object"))
        }
        (other, _) => {
            let reason =
                format!("is `{other}`, but must be `text`, `json_object` or `json_schema`");
            Err(ValidationError::value("text.format.type", reason))
        }
    }
}

#[cfg(test)]
mod tests;
