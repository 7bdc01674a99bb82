//! From a body to a [`Request`].
//!
//! Invariants: what comes out can be served as it is (ranges hold, no NUL, at least one message);
//! what this version cannot honour is refused by name. Whether the agent exists and the prompt
//! fits is for the engine to say.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use harmonic_types::{
    AgentName, Message, Prompt, Request, RequestId, Role, SamplingOverrides, Tokens, ToolChoice,
};
use serde_json::Value;
use serde_json::error::Category;

use super::content::{Content, Stop};
use super::error::Invalid;
use super::format;
use super::object::Object;
use super::request::{ChatMessage, ChatRequest};

/// Most stop strings. OpenAI takes 4; local clients send more.
const MOST_STOPS: usize = 16;
/// Most rivals per token, as in OpenAI's API.
const MOST_TOP_LOGPROBS: u32 = 20;

/// Reads a body.
///
/// # Errors
/// [`Invalid::Json`] when it is not JSON, [`Invalid::Type`] when a field has the wrong type.
pub fn parse(body: &[u8]) -> Result<ChatRequest, Invalid> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let Object(request) = serde_path_to_error::deserialize(&mut json).map_err(
        |error: serde_path_to_error::Error<serde_json::Error>| {
            let path = error.path().to_string();
            let reason = error.inner().to_string();
            match error.inner().classify() {
                Category::Data => {
                    let param = (path != ".").then_some(path);
                    Invalid::Type { param, reason }
                }
                Category::Io | Category::Syntax | Category::Eof => Invalid::Json { reason },
            }
        },
    )?;
    json.end().map_err(|error| Invalid::Json { reason: error.to_string() })?;
    Ok(request)
}

/// The request that `body` asks for, under the name `id`.
///
/// # Errors
/// [`Invalid::Value`] for a value out of range, [`Invalid::Unsupported`] for what this version
/// cannot honour.
pub fn decode(body: ChatRequest, id: RequestId) -> Result<Request, Invalid> {
    refuse_unsupported(&body)?;
    if body.stream_options.is_some() && body.stream != Some(true) {
        return Err(Invalid::value("stream_options", "is only for `stream: true`"));
    }
    if body.model.is_empty() {
        return Err(Invalid::value("model", "must name an agent of this stack"));
    }
    if body.messages.is_empty() {
        return Err(Invalid::value("messages", "must hold at least one message"));
    }
    let sampling = sampling(&body)?;
    let logit_bias = logit_bias(&body)?;
    let max_tokens = max_tokens(&body)?;
    let top_logprobs = top_logprobs(&body)?;
    let messages = body
        .messages
        .into_iter()
        .enumerate()
        .map(|(index, message)| self::message(index, message))
        .collect::<Result<_, _>>()?;
    Ok(Request {
        id,
        agent: AgentName(body.model),
        prompt: Prompt::chat(messages),
        sampling,
        logit_bias,
        seed: body.seed.map(i64::cast_unsigned),
        max_tokens,
        format: format::decode(body.response_format, body.structured_outputs)?,
        tool_choice: ToolChoice::Auto,
        stop: stop(body.stop)?,
        ignore_eos: body.ignore_eos.unwrap_or(false),
        top_logprobs,
        thinking: body.chat_template_kwargs.and_then(|arguments| arguments.enable_thinking),
    })
}

/// Whether a value says nothing: null and empty lists and objects are what SDKs send for "unset".
fn says_nothing(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(fields)) => fields.is_empty(),
        Some(_) => false,
    }
}

fn refuse_unsupported(body: &ChatRequest) -> Result<(), Invalid> {
    match body.n {
        None | Some(1) => {}
        Some(0) => return Err(Invalid::value("n", "must be 1")),
        Some(n) => {
            let detail = format!(": ask {n} times for {n} answers (n>1)");
            return Err(Invalid::unsupported("n", detail));
        }
    }
    for (param, value) in [("tools", &body.tools), ("functions", &body.functions)] {
        if !says_nothing(value.as_ref()) {
            return Err(Invalid::unsupported(param, ": leave it out"));
        }
    }
    Ok(())
}

fn within(
    param: &str,
    value: Option<f32>,
    range: RangeInclusive<f32>,
) -> Result<Option<f32>, Invalid> {
    match value {
        Some(value) if !range.contains(&value) => Err(Invalid::value(
            param,
            format!("is {value}, but must be from {} to {}", range.start(), range.end()),
        )),
        value => Ok(value),
    }
}

fn sampling(body: &ChatRequest) -> Result<SamplingOverrides, Invalid> {
    let top_k = match body.top_k {
        None => None,
        Some(-1) => Some(0),
        Some(k) => Some(u32::try_from(k).map_err(|_| {
            Invalid::value("top_k", format!("is {k}, but must be from -1 to {}", u32::MAX))
        })?),
    };
    let repeat_penalty = within("repeat_penalty", body.repeat_penalty, 0.0..=10.0)?;
    if repeat_penalty == Some(0.0) {
        return Err(Invalid::value("repeat_penalty", "must be above 0; 1 is off"));
    }
    Ok(SamplingOverrides {
        temperature: within("temperature", body.temperature, 0.0..=2.0)?,
        top_k,
        top_p: within("top_p", body.top_p, 0.0..=1.0)?,
        min_p: within("min_p", body.min_p, 0.0..=1.0)?,
        repeat_penalty,
        presence_penalty: within("presence_penalty", body.presence_penalty, -2.0..=2.0)?,
        frequency_penalty: within("frequency_penalty", body.frequency_penalty, -2.0..=2.0)?,
    })
}

fn logit_bias(body: &ChatRequest) -> Result<BTreeMap<u32, f32>, Invalid> {
    let one = |(token, bias): (&String, &f32)| {
        let param = format!("logit_bias.{token}");
        within(&param, Some(*bias), -100.0..=100.0)?;
        let token = token.parse().map_err(|_| {
            Invalid::value(param, "must be the id of a token: a whole number in quotes")
        })?;
        Ok((token, *bias))
    };
    body.logit_bias.iter().flatten().map(one).collect()
}

fn max_tokens(body: &ChatRequest) -> Result<Option<Tokens>, Invalid> {
    let (param, most) = match (body.max_completion_tokens, body.max_tokens) {
        (Some(newer), Some(older)) if newer != older => {
            return Err(Invalid::value(
                "max_completion_tokens",
                format!("is {newer}, but `max_tokens` is {older}: give one of them"),
            ));
        }
        (Some(most), _) => ("max_completion_tokens", Some(most)),
        (None, most) => ("max_tokens", most),
    };
    if most == Some(0) {
        return Err(Invalid::value(param, "must be at least 1"));
    }
    Ok(most.map(Tokens))
}

fn top_logprobs(body: &ChatRequest) -> Result<Option<u8>, Invalid> {
    let wanted = body.logprobs.unwrap_or(false);
    match body.top_logprobs {
        Some(_) if !wanted => Err(Invalid::value("top_logprobs", "is only for `logprobs: true`")),
        Some(rivals) if rivals > MOST_TOP_LOGPROBS => Err(Invalid::value(
            "top_logprobs",
            format!("is {rivals}, but must be from 0 to {MOST_TOP_LOGPROBS}"),
        )),
        rivals => Ok(wanted.then(|| {
            u8::try_from(rivals.unwrap_or(0)).expect("at most 20, as the arm above has it")
        })),
    }
}

fn stop(stop: Option<Stop>) -> Result<Vec<String>, Invalid> {
    let Stop(strings) = stop.unwrap_or_default();
    if strings.len() > MOST_STOPS {
        return Err(Invalid::value(
            "stop",
            format!("has {} strings, but may have at most {MOST_STOPS}", strings.len()),
        ));
    }
    for (index, string) in strings.iter().enumerate() {
        if string.is_empty() {
            return Err(Invalid::value(format!("stop[{index}]"), "must not be empty"));
        }
        refuse_nul(&format!("stop[{index}]"), string)?;
    }
    Ok(strings)
}

/// Tokenizers take C strings: a NUL would end the text early.
fn refuse_nul(param: &str, text: &str) -> Result<(), Invalid> {
    if text.contains('\0') {
        return Err(Invalid::value(param, "must not contain a NUL character"));
    }
    Ok(())
}

fn message(index: usize, message: ChatMessage) -> Result<Message, Invalid> {
    let role = match message.role.as_str() {
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        other => {
            return Err(Invalid::value(
                format!("messages[{index}].role"),
                format!(
                    "is `{other}`, but must be `system`, `developer`, `user`, `assistant` or `tool`"
                ),
            ));
        }
    };
    if !says_nothing(message.tool_calls.as_ref()) {
        return Err(Invalid::unsupported(format!("messages[{index}].tool_calls"), ""));
    }
    let path = format!("messages[{index}].content");
    let content = match message.content {
        None => return Err(Invalid::value(path, "is missing")),
        Some(Content::Text(text)) => text,
        Some(Content::Parts(parts)) => {
            let mut texts = Vec::with_capacity(parts.len());
            for (number, part) in parts.into_iter().enumerate() {
                let path = format!("{path}[{number}]");
                if part.kind != "text" {
                    let detail = format!(": its type is `{}`, and only `text` is", part.kind);
                    return Err(Invalid::unsupported(path, detail));
                }
                texts.push(
                    part.text
                        .ok_or_else(|| Invalid::value(format!("{path}.text"), "is missing"))?,
                );
            }
            // Parts are paragraphs of one message; models see one text.
            texts.join("\n")
        }
    };
    refuse_nul(&path, &content)?;
    Ok(Message::new(role, content))
}

#[cfg(test)]
mod tests;
