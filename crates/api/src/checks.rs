//! Validation of values, shared by all dialects.
//!
//! Each error names the field as the client wrote it.

use std::ops::RangeInclusive;

use harmonic_types::{AgentName, Effort, RequestClass, Tokens};
use serde_json::Value;

use crate::validation_error::ValidationError;

/// Maximum number of stop strings. OpenAI accepts 4; local clients send more.
const MAX_STOP_STRINGS: usize = 16;
/// Maximum number of alternatives per token, as in OpenAI's API.
const MAX_TOP_LOGPROBS: u8 = 20;
/// Maximum number of answers per request.
const MAX_ANSWERS: u32 = 16;

/// `service_tier` of background requests.
pub(crate) const FLEX: &str = "flex";
/// Values of `service_tier` in OpenAI's API.
pub(crate) const SERVICE_TIERS: &[&str] = &["auto", "default", FLEX, "scale", "priority"];

/// Agent named by `model`, in any dialect. The tag `latest` is optional.
///
/// # Errors
/// When the name is empty.
pub fn agent(mut model: String) -> Result<AgentName, ValidationError> {
    if let Some(name) = model.strip_suffix(":latest") {
        model.truncate(name.len());
    }
    if model.is_empty() {
        return Err(ValidationError::value("model", "must name an agent of this stack"));
    }
    Ok(AgentName(model))
}

/// Whether a reasoning effort enables thinking.
pub(crate) fn thinking_of_effort(effort: Option<&str>) -> Option<bool> {
    effort.map(|effort| !matches!(effort, "none" | "minimal"))
}

/// Effort level, if it is one of the known ones.
pub(crate) fn effort(effort: Option<&str>) -> Option<Effort> {
    match effort? {
        "low" => Some(Effort::Low),
        "medium" => Some(Effort::Medium),
        "high" | "xhigh" | "max" => Some(Effort::High),
        _ => None,
    }
}

/// Class of a request by its `service_tier`, of which `tiers` are defined: `flex` is OpenAI's word
/// for answers that nobody waits for.
pub(crate) fn class(tier: Option<&str>, tiers: &[&str]) -> Result<RequestClass, ValidationError> {
    match tier {
        Some(tier) if !tiers.contains(&tier) => {
            let reason = format!("is `{tier}`, but must be one of `{}`", tiers.join("`, `"));
            Err(ValidationError::value("service_tier", reason))
        }
        Some(FLEX) => Ok(RequestClass::Background),
        Some(_) | None => Ok(RequestClass::Interactive),
    }
}

/// `value`, if it is within `range`.
pub(crate) fn within(
    param: &str,
    value: Option<f32>,
    range: RangeInclusive<f32>,
) -> Result<Option<f32>, ValidationError> {
    match value {
        Some(value) if !range.contains(&value) => Err(ValidationError::value(
            param,
            format!("is {value}, but must be from {} to {}", range.start(), range.end()),
        )),
        value => Ok(value),
    }
}

/// `top_k`: −1 and 0 select all tokens.
pub(crate) fn top_k(param: &str, value: Option<i64>) -> Result<Option<u32>, ValidationError> {
    match value {
        None => Ok(None),
        Some(-1) => Ok(Some(0)),
        Some(k) => u32::try_from(k).map(Some).map_err(|_| {
            ValidationError::value(param, format!("is {k}, but must be from -1 to {}", u32::MAX))
        }),
    }
}

/// `repeat_penalty`: a factor above 0.
pub(crate) fn repeat_penalty(
    param: &str,
    value: Option<f32>,
) -> Result<Option<f32>, ValidationError> {
    match within(param, value, 0.0..=10.0)? {
        Some(0.0) => Err(ValidationError::value(param, "must be above 0; 1 is off")),
        value => Ok(value),
    }
}

/// Token limit, at least 1.
pub(crate) fn max_tokens(
    param: &str,
    limit: Option<u32>,
) -> Result<Option<Tokens>, ValidationError> {
    match limit {
        Some(0) => Err(ValidationError::value(param, "must be at least 1")),
        limit => Ok(limit.map(Tokens)),
    }
}

/// Number of answers; 1 if absent.
pub(crate) fn answers(n: Option<u32>) -> Result<u32, ValidationError> {
    let n = n.unwrap_or(1);
    if !(1..=MAX_ANSWERS).contains(&n) {
        let reason = format!("is {n}, but must be from 1 to {MAX_ANSWERS}");
        return Err(ValidationError::value("n", reason));
    }
    Ok(n)
}

/// Number of alternatives per token, if log-probabilities are requested.
pub(crate) fn top_logprobs(
    is_requested: bool,
    alternatives: Option<u32>,
) -> Result<Option<u8>, ValidationError> {
    if alternatives.is_some() && !is_requested {
        return Err(ValidationError::value("top_logprobs", "is only for `logprobs: true`"));
    }
    self::alternatives("top_logprobs", alternatives.or(is_requested.then_some(0)))
}

/// Number of alternatives per token.
pub(crate) fn alternatives(
    param: &str,
    alternatives: Option<u32>,
) -> Result<Option<u8>, ValidationError> {
    let Some(alternatives) = alternatives else { return Ok(None) };
    u8::try_from(alternatives)
        .ok()
        .filter(|alternatives| *alternatives <= MAX_TOP_LOGPROBS)
        .map(Some)
        .ok_or_else(|| {
            let reason = format!("is {alternatives}, but must be from 0 to {MAX_TOP_LOGPROBS}");
            ValidationError::value(param, reason)
        })
}

/// Stop strings, none of them empty.
pub(crate) fn stop(param: &str, strings: Vec<String>) -> Result<Vec<String>, ValidationError> {
    if strings.len() > MAX_STOP_STRINGS {
        return Err(ValidationError::value(
            param,
            format!("has {} strings, but may have at most {MAX_STOP_STRINGS}", strings.len()),
        ));
    }
    for (index, string) in strings.iter().enumerate() {
        if string.is_empty() {
            return Err(ValidationError::value(format!("{param}[{index}]"), "must not be empty"));
        }
        no_nul(&format!("{param}[{index}]"), string)?;
    }
    Ok(strings)
}

/// Refuses NUL characters: tokenizers take C strings, and a NUL would truncate the text.
pub(crate) fn no_nul(param: &str, text: &str) -> Result<(), ValidationError> {
    if text.contains('\0') {
        return Err(ValidationError::value(param, "must not contain a NUL character"));
    }
    Ok(())
}

/// Whether a value is null or empty: SDKs send null and empty lists, strings and objects for unset
/// fields.
pub(crate) fn is_empty_value(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(fields)) => fields.is_empty(),
        Some(Value::String(text)) => text.is_empty(),
        Some(_) => false,
    }
}

/// Refuses a field that is set; `detail` describes the alternative.
pub(crate) fn refuse_if_set(
    param: &str,
    value: Option<&Value>,
    detail: &str,
) -> Result<(), ValidationError> {
    if is_empty_value(value) { Ok(()) } else { Err(ValidationError::unsupported(param, detail)) }
}
