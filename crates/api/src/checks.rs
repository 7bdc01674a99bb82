//! What must hold of a value, whichever dialect it comes in.
//!
//! Each check names the field as the client wrote it.

use std::ops::RangeInclusive;

use harmonic_types::{AgentName, Effort, Tokens};
use serde_json::Value;

use crate::invalid::Invalid;

/// Most stop strings. OpenAI takes 4; local clients send more.
const MOST_STOPS: usize = 16;
/// Most rivals per token, as in OpenAI's API.
const MOST_TOP_LOGPROBS: u8 = 20;
/// Most answers to one request.
const MOST_ANSWERS: u32 = 16;

/// The agent that `model` names, in any dialect: a name without a tag is one with the tag `latest`.
///
/// # Errors
/// When it is empty.
pub fn agent(mut model: String) -> Result<AgentName, Invalid> {
    if let Some(name) = model.strip_suffix(":latest") {
        model.truncate(name.len());
    }
    if model.is_empty() {
        return Err(Invalid::value("model", "must name an agent of this stack"));
    }
    Ok(AgentName(model))
}

/// Whether an effort to reason is one at all.
pub(crate) fn thinks(effort: Option<&str>) -> Option<bool> {
    effort.map(|effort| !matches!(effort, "none" | "minimal"))
}

/// How hard an effort is, where it names one.
pub(crate) fn effort(effort: Option<&str>) -> Option<Effort> {
    match effort? {
        "low" => Some(Effort::Low),
        "medium" => Some(Effort::Medium),
        "high" | "xhigh" | "max" => Some(Effort::High),
        _ => None,
    }
}

/// A value in `range`.
pub(crate) fn within(
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

/// `top_k`: −1 is all tokens, as 0 is.
pub(crate) fn top_k(param: &str, value: Option<i64>) -> Result<Option<u32>, Invalid> {
    match value {
        None => Ok(None),
        Some(-1) => Ok(Some(0)),
        Some(k) => u32::try_from(k).map(Some).map_err(|_| {
            Invalid::value(param, format!("is {k}, but must be from -1 to {}", u32::MAX))
        }),
    }
}

/// `repeat_penalty`: a factor.
pub(crate) fn repeat_penalty(param: &str, value: Option<f32>) -> Result<Option<f32>, Invalid> {
    match within(param, value, 0.0..=10.0)? {
        Some(0.0) => Err(Invalid::value(param, "must be above 0; 1 is off")),
        value => Ok(value),
    }
}

/// A limit of tokens.
pub(crate) fn max_tokens(param: &str, most: Option<u32>) -> Result<Option<Tokens>, Invalid> {
    match most {
        Some(0) => Err(Invalid::value(param, "must be at least 1")),
        most => Ok(most.map(Tokens)),
    }
}

/// Answers wanted.
pub(crate) fn answers(n: Option<u32>) -> Result<u32, Invalid> {
    let n = n.unwrap_or(1);
    if !(1..=MOST_ANSWERS).contains(&n) {
        let reason = format!("is {n}, but must be from 1 to {MOST_ANSWERS}");
        return Err(Invalid::value("n", reason));
    }
    Ok(n)
}

/// Rivals per token where `wanted`.
pub(crate) fn top_logprobs(wanted: bool, rivals: Option<u32>) -> Result<Option<u8>, Invalid> {
    if rivals.is_some() && !wanted {
        return Err(Invalid::value("top_logprobs", "is only for `logprobs: true`"));
    }
    self::rivals("top_logprobs", rivals.or(wanted.then_some(0)))
}

/// Rivals per token.
pub(crate) fn rivals(param: &str, rivals: Option<u32>) -> Result<Option<u8>, Invalid> {
    let Some(rivals) = rivals else { return Ok(None) };
    u8::try_from(rivals).ok().filter(|rivals| *rivals <= MOST_TOP_LOGPROBS).map(Some).ok_or_else(
        || {
            let reason = format!("is {rivals}, but must be from 0 to {MOST_TOP_LOGPROBS}");
            Invalid::value(param, reason)
        },
    )
}

/// Strings that end an answer.
pub(crate) fn stop(param: &str, strings: Vec<String>) -> Result<Vec<String>, Invalid> {
    if strings.len() > MOST_STOPS {
        return Err(Invalid::value(
            param,
            format!("has {} strings, but may have at most {MOST_STOPS}", strings.len()),
        ));
    }
    for (index, string) in strings.iter().enumerate() {
        if string.is_empty() {
            return Err(Invalid::value(format!("{param}[{index}]"), "must not be empty"));
        }
        no_nul(&format!("{param}[{index}]"), string)?;
    }
    Ok(strings)
}

/// Tokenizers take C strings: a NUL would end the text early.
pub(crate) fn no_nul(param: &str, text: &str) -> Result<(), Invalid> {
    if text.contains('\0') {
        return Err(Invalid::value(param, "must not contain a NUL character"));
    }
    Ok(())
}

/// Whether a value says nothing: null and empty lists, texts and objects are what SDKs send for
/// "unset".
pub(crate) fn says_nothing(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(fields)) => fields.is_empty(),
        Some(Value::String(text)) => text.is_empty(),
        Some(_) => false,
    }
}

/// Refuses a field that says something: `detail` is what would be accepted.
pub(crate) fn absent(param: &str, value: Option<&Value>, detail: &str) -> Result<(), Invalid> {
    if says_nothing(value) { Ok(()) } else { Err(Invalid::unsupported(param, detail)) }
}
