//! Validation of tools and tool choices, shared by all dialects.

use std::collections::HashSet;

use harmonic_types::{Tool, ToolCall, ToolChoice};
use serde_json::{Map, Value, json};

use crate::checks::no_nul;
use crate::validation_error::ValidationError;

/// Regular expression of tool names for schemas, equivalent to [`name`].
pub(crate) const NAME: &str = "^[A-Za-z0-9_.:/-]{1,128}$";

/// Maximum length of a tool name, in bytes.
const MAX_NAME_BYTES: usize = 128;

/// Tool at `path`; `field` is the dialect's name of the argument schema.
pub(crate) fn tool(
    path: &str,
    field: &str,
    name: String,
    description: Option<String>,
    schema: Option<Value>,
) -> Result<Tool, ValidationError> {
    self::name(&format!("{path}.name"), &name)?;
    if let Some(description) = &description {
        no_nul(&format!("{path}.description"), description)?;
    }
    let schema = match schema {
        // Tool without arguments.
        None | Some(Value::Null) => json!({"type": "object", "properties": {}}),
        Some(schema @ Value::Object(_)) => schema,
        Some(_) => {
            let reason = "must be a JSON Schema: an object";
            return Err(ValidationError::value(format!("{path}.{field}"), reason));
        }
    };
    let parameters = schema.to_string();
    Ok(Tool { name, description, parameters })
}

/// Validates a tool name: names appear in templates and grammars.
pub(crate) fn name(param: &str, name: &str) -> Result<(), ValidationError> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:/".contains(&byte);
    if (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(word) {
        return Ok(());
    }
    let reason = format!("must be 1 to {MAX_NAME_BYTES} of A-Z, a-z, 0-9 and _-.:/");
    Err(ValidationError::value(param, reason))
}

/// Checks that tool names are unique.
pub(crate) fn unique(tools: &[Tool]) -> Result<(), ValidationError> {
    let mut seen = HashSet::new();
    match tools.iter().find(|tool| !seen.insert(tool.name.as_str())) {
        None => Ok(()),
        Some(tool) => Err(ValidationError::value(
            "tools",
            format!("has `{}` twice: names must differ", tool.name),
        )),
    }
}

/// Checks that `choice` is possible with `tools`.
pub(crate) fn choice(choice: ToolChoice, tools: &[Tool]) -> Result<ToolChoice, ValidationError> {
    match &choice {
        ToolChoice::Required if tools.is_empty() => {
            Err(ValidationError::value("tool_choice", "requires a call, but `tools` is empty"))
        }
        ToolChoice::Named(name) if !tools.iter().any(|tool| tool.name == *name) => {
            Err(ValidationError::value(
                "tool_choice",
                format!("names `{name}`, which is not in `tools`"),
            ))
        }
        _ => Ok(choice),
    }
}

/// Tool call at `path`, from the conversation history.
pub(crate) fn call(
    path: &str,
    id: String,
    name: String,
    arguments: String,
) -> Result<ToolCall, ValidationError> {
    self::name(&format!("{path}.name"), &name)?;
    no_nul(&format!("{path}.id"), &id)?;
    no_nul(&format!("{path}.arguments"), &arguments)?;
    Ok(ToolCall { id, name, arguments })
}

/// Arguments of a tool call from the history, as JSON text: strings unchanged, null as `{}`.
/// Invalid arguments of a truncated call must not end the conversation, so they are not validated
/// here.
pub(crate) fn arguments(sent: Value) -> String {
    match sent {
        Value::String(text) => text,
        Value::Null => "{}".to_owned(),
        sent => sent.to_string(),
    }
}

/// JSON text as a value. Invalid JSON becomes a string, which the server refuses.
pub(crate) fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// Arguments as a JSON object; `None` if they are not one, as in a truncated call.
pub(crate) fn object(arguments: &str) -> Option<Map<String, Value>> {
    // A model may omit the arguments of a tool without parameters.
    if arguments.trim().is_empty() {
        return Some(Map::new());
    }
    serde_json::from_str(arguments).ok()
}

#[cfg(test)]
mod tests;
