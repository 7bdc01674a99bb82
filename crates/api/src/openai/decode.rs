//! From a body to a [`Request`].
//!
//! Invariants: a decoded request is valid (ranges hold, no NUL, at least one message); unsupported
//! fields are refused by name. The engine checks whether the agent exists and the prompt fits.

use std::collections::BTreeMap;

use harmonic_types::{
    ClientName, ContentPart, Message, Prompt, Request, RequestId, Role, SystemTurn, Tokens,
};

use super::content::{self, Kinds};
use super::request::{ChatMessage, ChatRequest};
use super::{format, tools};
use crate::checks::{self, SERVICE_TIERS, within};
use crate::features::FeatureFields;
use crate::validation_error::ValidationError;

/// Request of `body`, with the given id. The number of answers and streaming are not part of it.
///
/// # Errors
/// [`ValidationError::Value`] for a value out of range, [`ValidationError::Unsupported`] for an
/// unsupported field.
pub fn decode(body: ChatRequest, id: RequestId) -> Result<Request, ValidationError> {
    decode_naming(body, id, &mut FeatureFields::default())
}

/// As [`decode`], also recording field names in `fields`.
pub(super) fn decode_naming(
    mut body: ChatRequest,
    id: RequestId,
    fields: &mut FeatureFields,
) -> Result<Request, ValidationError> {
    checks::answers(body.n)?;
    checks::refuse_if_set("functions", body.functions.as_ref(), ": use `tools`")?;
    checks::refuse_if_set("function_call", body.function_call.as_ref(), ": use `tool_choice`")?;
    checks::refuse_if_set("audio", body.audio.as_ref(), ": only text is")?;
    if body.web_search_options.is_some() {
        return Err(ValidationError::unsupported("web_search_options", ": leave it out"));
    }
    if body.modalities.as_ref().is_some_and(|all| !all.is_empty() && *all != ["text"]) {
        return Err(ValidationError::unsupported("modalities", ": only `text` is"));
    }
    if body.stream_options.is_some() && body.stream != Some(true) {
        return Err(ValidationError::value("stream_options", "is only for `stream: true`"));
    }
    let agent = checks::agent(body.model.clone())?;
    let format_aliases = body.format_aliases();
    if body.messages.is_empty() {
        return Err(ValidationError::value("messages", "must hold at least one message"));
    }
    let sampling = body.sampling_fields().decode("")?;
    let logit_bias = logit_bias(body.logit_bias.as_ref())?;
    let max_tokens = max_tokens(&body)?;
    let top_logprobs = checks::top_logprobs(body.logprobs.unwrap_or(false), body.top_logprobs)?;
    let answered = |message: &ChatMessage| ["assistant", "user"].contains(&message.role.as_str());
    let last = body.messages.iter().rposition(answered).unwrap_or(0);
    let messages = body
        .messages
        .into_iter()
        .enumerate()
        .map(|(index, message)| self::message(index, message, index < last, fields))
        .collect::<Result<_, _>>()?;
    let strict_tools = tools::strict(body.tools.as_deref());
    let tools = tools::decode(body.tools)?;
    let tool_choice = tools::decode_choice(body.tool_choice, &tools)?;
    let format = format::decode(body.response_format, body.structured_outputs, format_aliases)?;
    let format = format.map(|(name, format)| {
        fields.format = name;
        format
    });
    Ok(Request {
        id,
        client: ClientName::default(),
        agent,
        class: checks::class(body.service_tier.as_deref(), SERVICE_TIERS)?,
        within: None,
        prompt: Prompt::Chat { messages, tools },
        system: SystemTurn::Agent,
        sampling,
        logit_bias,
        seed: body.seed.map(i64::cast_unsigned),
        context: None,
        max_tokens,
        format,
        tool_choice,
        parallel_tool_calls: body.parallel_tool_calls.unwrap_or(true),
        strict_tools,
        stop: checks::stop("stop", body.stop.unwrap_or_default().0)?,
        ignore_eos: body.ignore_eos.unwrap_or(false),
        top_logprobs,
        thinking: body
            .chat_template_kwargs
            .and_then(|arguments| arguments.enable_thinking)
            .or(checks::thinking_of_effort(body.reasoning_effort.as_deref())),
        effort: checks::effort(body.reasoning_effort.as_deref()),
    })
}

/// Token biases.
pub(crate) fn logit_bias(
    bias: Option<&BTreeMap<String, f32>>,
) -> Result<BTreeMap<u32, f32>, ValidationError> {
    let one = |(token, bias): (&String, &f32)| {
        let param = format!("logit_bias.{token}");
        within(&param, Some(*bias), -100.0..=100.0)?;
        let token = token.parse().map_err(|_| {
            ValidationError::value(param, "must be the id of a token: a whole number in quotes")
        })?;
        Ok((token, *bias))
    };
    bias.into_iter().flatten().map(one).collect()
}

fn max_tokens(body: &ChatRequest) -> Result<Option<Tokens>, ValidationError> {
    let (param, most) = match (body.max_completion_tokens, body.max_tokens) {
        (Some(newer), Some(older)) if newer != older => {
            return Err(ValidationError::value(
                "max_completion_tokens",
                format!("is {newer}, but `max_tokens` is {older}: use one of them"),
            ));
        }
        (Some(most), _) => ("max_completion_tokens", Some(most)),
        (None, most) => ("max_tokens", most),
    };
    checks::max_tokens(param, most)
}

/// Message number `index`; `is_old` is whether a user or assistant message follows.
fn message(
    index: usize,
    message: ChatMessage,
    is_old: bool,
    fields: &mut FeatureFields,
) -> Result<Message, ValidationError> {
    let path = format!("messages[{index}]");
    let role = match message.role.as_str() {
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        other => {
            return Err(ValidationError::value(
                format!("{path}.role"),
                format!(
                    "is `{other}`, but must be `system`, `developer`, `user`, `assistant` or `tool`"
                ),
            ));
        }
    };
    let tool_calls = tools::decode_calls(&path, message.tool_calls)?;
    if role != Role::Assistant && !tool_calls.is_empty() {
        let reason = "is only for messages of the assistant";
        return Err(ValidationError::value(format!("{path}.tool_calls"), reason));
    }
    let at = format!("{path}.content");
    let content = match (message.content, role) {
        (Some(content), Role::User) => content::parts(&at, content, Kinds::CHAT, fields)?,
        (Some(content), Role::Tool) => content::result(&at, content, Kinds::CHAT, is_old, fields)?,
        (Some(content), Role::System | Role::Assistant) => {
            vec![ContentPart::text(content::text(&at, content, Kinds::CHAT.texts)?)]
        }
        // An assistant message may consist of tool calls only.
        (None, _) if !tool_calls.is_empty() || role == Role::Assistant => Vec::new(),
        (None, _) => return Err(ValidationError::value(at, "is missing")),
    };
    let decoded = Message::of_parts(role, content);
    checks::no_nul(&at, &decoded.text())?;
    if let Some(reasoning) = &message.reasoning_content {
        checks::no_nul(&format!("{path}.reasoning_content"), reasoning)?;
    }
    if let Some(id) = &message.tool_call_id {
        checks::no_nul(&format!("{path}.tool_call_id"), id)?;
    }
    Ok(Message {
        reasoning: message.reasoning_content,
        tool_calls,
        tool_call_id: message.tool_call_id,
        ..decoded
    })
}

#[cfg(test)]
mod tests;
