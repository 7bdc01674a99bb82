//! From a body to a [`Request`].
//!
//! Invariants: as in OpenAI's dialect. A tool result becomes a message of its own, so one message
//! on the wire can become several, in the order of its blocks.

use harmonic_types::{
    ContentPart, Format, Message, Prompt, Request, RequestId, Role, Tool, ToolCall, ToolChoice,
};
use serde_json::Value;

use super::blocks::{self, BlockBody, TextBody};
use super::request::{
    ChoiceBody, FormatBody, MessageBody, MessagesBody, OutputConfig, ThinkingBody, ToolBody,
};
use crate::checks::{self, no_nul};
use crate::features::FeatureFields;
use crate::tools;
use crate::untagged::Content;
use crate::validation_error::ValidationError;

/// Values of `service_tier`. None of them makes a background request.
const SERVICE_TIERS: &[&str] = &["auto", "standard_only"];

/// Prefix of a failed call's result, which templates cannot express.
const FAILED: &str = "The call failed: ";

/// Request of `body`, with the given id. Whether the answer is streamed is not part of it.
///
/// # Errors
/// [`ValidationError::Value`] for a value out of range, [`ValidationError::Unsupported`] for an
/// unsupported field.
pub fn decode(body: MessagesBody, id: RequestId) -> Result<Request, ValidationError> {
    decode_naming(body, id, &mut FeatureFields::default())
}

/// As [`decode`], also recording field names in `fields`.
pub(super) fn decode_naming(
    body: MessagesBody,
    id: RequestId,
    fields: &mut FeatureFields,
) -> Result<Request, ValidationError> {
    checks::refuse_if_set("mcp_servers", body.mcp_servers.as_ref(), ": list `tools`")?;
    checks::refuse_if_set("container", body.container.as_ref(), ": leave it out")?;
    let sampling = body.sampling_fields();
    let mut request = Request::new(id, checks::agent(body.model)?, Vec::new());
    request.max_tokens = checks::max_tokens("max_tokens", body.max_tokens)?;
    if request.max_tokens.is_none() {
        return Err(ValidationError::value("max_tokens", "is missing"));
    }
    request.stop = checks::stop("stop_sequences", body.stop_sequences.unwrap_or_default())?;
    request.class = checks::class(body.service_tier.as_deref(), SERVICE_TIERS)?;
    request.sampling = sampling.decode("")?;
    request.thinking = thinking(body.thinking.as_ref())?;
    if let Some((name, format)) = format(body.output_config, body.output_format)? {
        fields.format = name;
        request.format = Some(format);
    }
    let strict = body.tools.iter().flatten().filter(|tool| tool.strict == Some(true));
    request.strict_tools = strict.map(|tool| tool.name.clone()).collect();
    let tools = tools(body.tools)?;
    let single = body.tool_choice.as_ref().and_then(|choice| choice.disable_parallel_tool_use);
    request.parallel_tool_calls = single != Some(true);
    request.tool_choice = choice(body.tool_choice, &tools)?;
    let messages = messages(body.system, body.messages, fields)?;
    request.prompt = Prompt::Chat { messages, tools };
    Ok(request)
}

/// Messages of the conversation, system prompt first.
pub(super) fn messages(
    system: Option<Content<TextBody>>,
    bodies: Vec<MessageBody>,
    fields: &mut FeatureFields,
) -> Result<Vec<Message>, ValidationError> {
    if bodies.is_empty() {
        return Err(ValidationError::value("messages", "must hold at least one message"));
    }
    let mut messages = Vec::with_capacity(bodies.len() + 1);
    if let Some(system) = system {
        let text = blocks::text("system", system)?;
        no_nul("system", &text)?;
        messages.push(Message::new(Role::System, text));
    }
    let last = bodies.len() - 1;
    for (index, body) in bodies.into_iter().enumerate() {
        let path = format!("messages[{index}]");
        match body.role.as_str() {
            "user" => user(&path, body.content, index < last, &mut messages, fields)?,
            "assistant" => messages.push(assistant(&path, body.content)?),
            "system" => messages.push(instructions(&path, body.content)?),
            other => {
                let reason = format!("is `{other}`, but must be `user`, `assistant` or `system`");
                return Err(ValidationError::value(format!("{path}.role"), reason));
            }
        }
    }
    Ok(messages)
}

fn field<T>(path: &str, name: &str, value: Option<T>) -> Result<T, ValidationError> {
    value.ok_or_else(|| ValidationError::value(format!("{path}.{name}"), "is missing"))
}

/// Appends the messages of a user turn to `messages`: tool results, and texts and images, of which
/// consecutive ones form one message. `is_old` is whether another message follows.
fn user(
    path: &str,
    content: Content<BlockBody>,
    is_old: bool,
    messages: &mut Vec<Message>,
    fields: &mut FeatureFields,
) -> Result<(), ValidationError> {
    let blocks = match content {
        Content::Text(text) => {
            no_nul(&format!("{path}.content"), &text)?;
            messages.push(Message::new(Role::User, text));
            return Ok(());
        }
        Content::Parts(blocks) => blocks,
    };
    let path = format!("{path}.content");
    if blocks.is_empty() {
        return Err(ValidationError::value(path, "must hold at least one block"));
    }
    let mut parts: Vec<ContentPart> = Vec::new();
    let flush = |parts: &mut Vec<ContentPart>, messages: &mut Vec<Message>| {
        if !parts.is_empty() {
            messages.push(Message::of_parts(Role::User, parts.drain(..)));
        }
    };
    for (number, block) in blocks.into_iter().enumerate() {
        let path = format!("{path}[{number}]");
        match block.kind.as_str() {
            "text" => {
                let text = field(&path, "text", block.text)?;
                no_nul(&format!("{path}.text"), &text)?;
                parts.push(ContentPart::text(text));
            }
            "image" => parts.push(blocks::image(&path, block.source, fields)?),
            "tool_result" => {
                flush(&mut parts, messages);
                let id = field(&path, "tool_use_id", block.tool_use_id)?;
                no_nul(&format!("{path}.tool_use_id"), &id)?;
                let content = block.content.unwrap_or(Content::Parts(Vec::new()));
                let path = format!("{path}.content");
                let mut content = blocks::result(&path, content, is_old, fields)?;
                if block.is_error == Some(true) {
                    match content.first_mut() {
                        Some(ContentPart::Text { text }) => text.insert_str(0, FAILED),
                        _ => content.insert(0, ContentPart::text(FAILED)),
                    }
                }
                let message = Message::of_parts(Role::Tool, content);
                no_nul(&path, &message.text())?;
                messages.push(Message { tool_call_id: Some(id), ..message });
            }
            other => {
                let served = "`text`, `image` and `tool_result` are";
                return Err(blocks::not_served(&path, other, served));
            }
        }
    }
    flush(&mut parts, messages);
    Ok(())
}

/// System message within the conversation: text blocks.
fn instructions(path: &str, content: Content<BlockBody>) -> Result<Message, ValidationError> {
    let path = format!("{path}.content");
    let text = |block: BlockBody| TextBody { kind: block.kind, text: block.text, source: None };
    let content = match content {
        Content::Text(text) => Content::Text(text),
        Content::Parts(blocks) => Content::Parts(blocks.into_iter().map(text).collect()),
    };
    let text = blocks::text(&path, content)?;
    no_nul(&path, &text)?;
    Ok(Message::new(Role::System, text))
}

fn assistant(path: &str, content: Content<BlockBody>) -> Result<Message, ValidationError> {
    let path = format!("{path}.content");
    let blocks = match content {
        Content::Text(text) => {
            no_nul(&path, &text)?;
            return Ok(Message::new(Role::Assistant, text));
        }
        Content::Parts(blocks) => blocks,
    };
    let (mut texts, mut thinking_texts, mut tool_calls) = (Vec::new(), Vec::new(), Vec::new());
    for (number, block) in blocks.into_iter().enumerate() {
        let path = format!("{path}[{number}]");
        match block.kind.as_str() {
            "text" => {
                let text = field(&path, "text", block.text)?;
                no_nul(&format!("{path}.text"), &text)?;
                texts.push(text);
            }
            "thinking" => {
                let text = field(&path, "thinking", block.thinking)?;
                no_nul(&format!("{path}.thinking"), &text)?;
                thinking_texts.push(text);
            }
            "tool_use" => tool_calls.push(call(&path, block)?),
            other => {
                let served = "`text`, `thinking` and `tool_use` are";
                return Err(blocks::not_served(&path, other, served));
            }
        }
    }
    Ok(Message {
        reasoning: (!thinking_texts.is_empty()).then(|| thinking_texts.join("\n")),
        tool_calls,
        ..Message::new(Role::Assistant, texts.join("\n"))
    })
}

fn call(path: &str, block: BlockBody) -> Result<ToolCall, ValidationError> {
    let id = field(path, "id", block.id)?;
    let name = field(path, "name", block.name)?;
    tools::call(path, id, name, tools::arguments(block.input.unwrap_or_default()))
}

/// Tools of a body.
pub(super) fn tools(bodies: Option<Vec<ToolBody>>) -> Result<Vec<Tool>, ValidationError> {
    let one = |(index, body): (usize, ToolBody)| {
        let path = format!("tools[{index}]");
        let ToolBody { kind, name, description, input_schema, strict: _ } = body;
        if let Some(kind) = kind.filter(|kind| kind != "custom") {
            return Err(blocks::not_served(&path, &kind, "`custom` is"));
        }
        tools::tool(&path, "input_schema", name, description, input_schema)
    };
    let all = bodies.into_iter().flatten().enumerate().map(one).collect::<Result<Vec<_>, _>>()?;
    tools::unique(&all)?;
    Ok(all)
}

fn choice(body: Option<ChoiceBody>, of: &[Tool]) -> Result<ToolChoice, ValidationError> {
    let Some(body) = body else { return Ok(ToolChoice::Auto) };
    let choice = match body.kind.as_str() {
        "auto" => ToolChoice::Auto,
        "none" => ToolChoice::None,
        "any" => ToolChoice::Required,
        "tool" => ToolChoice::Named(field("tool_choice", "name", body.name)?),
        other => {
            let reason = format!("is `{other}`, but must be `auto`, `any`, `tool` or `none`");
            return Err(ValidationError::value("tool_choice.type", reason));
        }
    };
    tools::choice(choice, of)
}

fn thinking(body: Option<&ThinkingBody>) -> Result<Option<bool>, ValidationError> {
    match body.map(|body| body.kind.as_str()) {
        None | Some("adaptive") => Ok(None),
        Some("enabled") => Ok(Some(true)),
        Some("disabled") => Ok(Some(false)),
        Some(other) => {
            let reason = format!("is `{other}`, but must be `enabled`, `disabled` or `adaptive`");
            Err(ValidationError::value("thinking.type", reason))
        }
    }
}

fn format(
    config: Option<OutputConfig>,
    older: Option<FormatBody>,
) -> Result<Option<(&'static str, Format)>, ValidationError> {
    let newer = config.and_then(|config| config.format).map(|body| ("output_config.format", body));
    let Some((path, body)) = newer.or(older.map(|body| ("output_format", body))) else {
        return Ok(None);
    };
    match (body.kind.as_str(), body.schema) {
        ("json_schema", Some(schema @ Value::Object(_))) => {
            Ok(Some((path, Format::JsonSchema(schema.to_string()))))
        }
        ("json_schema", _) => Err(ValidationError::value(
            format!("{path}.schema"),
            "must be a JSON Schema: an object",
        )),
        (other, _) => {
            let reason = format!("is `{other}`, but must be `json_schema`");
            Err(ValidationError::value(format!("{path}.type"), reason))
        }
    }
}

#[cfg(test)]
mod tests;
