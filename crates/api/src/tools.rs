//! What must hold of tools and of the choice among them, whichever dialect they come in.

use std::collections::HashSet;

use harmonic_types::{Tool, ToolCall, ToolChoice};
use serde_json::{Map, Value, json};

use crate::checks::no_nul;
use crate::invalid::Invalid;

/// Names of tools, as a pattern for schemas: what [`name`] takes.
pub(crate) const NAME: &str = "^[A-Za-z0-9_.:/-]{1,128}$";

/// Longest name of a tool, in bytes.
const LONGEST_NAME: usize = 128;

/// The tool at `path`; `field` is what the dialect calls the schema of its arguments.
pub(crate) fn tool(
    path: &str,
    field: &str,
    name: String,
    description: Option<String>,
    schema: Option<Value>,
) -> Result<Tool, Invalid> {
    self::name(&format!("{path}.name"), &name)?;
    if let Some(description) = &description {
        no_nul(&format!("{path}.description"), description)?;
    }
    let schema = match schema {
        // A tool without arguments.
        None | Some(Value::Null) => json!({"type": "object", "properties": {}}),
        Some(schema @ Value::Object(_)) => schema,
        Some(_) => {
            let reason = "must be a JSON Schema: an object";
            return Err(Invalid::value(format!("{path}.{field}"), reason));
        }
    };
    let parameters = schema.to_string();
    Ok(Tool { name, description, parameters })
}

/// Names of tools go into templates and grammars: they are words.
pub(crate) fn name(param: &str, name: &str) -> Result<(), Invalid> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:/".contains(&byte);
    if (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(word) {
        return Ok(());
    }
    let reason = format!("must be 1 to {LONGEST_NAME} of A-Z, a-z, 0-9 and _-.:/");
    Err(Invalid::value(param, reason))
}

/// That each of `tools` has a name of its own.
pub(crate) fn unique(tools: &[Tool]) -> Result<(), Invalid> {
    let mut seen = HashSet::new();
    match tools.iter().find(|tool| !seen.insert(tool.name.as_str())) {
        None => Ok(()),
        Some(tool) => {
            Err(Invalid::value("tools", format!("has `{}` twice: names must differ", tool.name)))
        }
    }
}

/// That `choice` can be met with `tools`.
pub(crate) fn choice(choice: ToolChoice, tools: &[Tool]) -> Result<ToolChoice, Invalid> {
    match &choice {
        ToolChoice::Required if tools.is_empty() => {
            Err(Invalid::value("tool_choice", "demands a call, but `tools` is empty"))
        }
        ToolChoice::Named(name) if !tools.iter().any(|tool| tool.name == *name) => {
            Err(Invalid::value("tool_choice", format!("names `{name}`, which is not in `tools`")))
        }
        _ => Ok(choice),
    }
}

/// A call that the client sends back, at `path`.
pub(crate) fn call(
    path: &str,
    id: String,
    name: String,
    arguments: String,
) -> Result<ToolCall, Invalid> {
    self::name(&format!("{path}.name"), &name)?;
    no_nul(&format!("{path}.id"), &id)?;
    no_nul(&format!("{path}.arguments"), &arguments)?;
    Ok(ToolCall { id, name, arguments })
}

/// The text of what a client sends back as a call's arguments, in whatever way its dialect writes
/// them: a text as it is, nothing as nothing. A call that a model broke off must not end the
/// conversation, so what they are is for the prompt to say.
pub(crate) fn arguments(sent: Value) -> String {
    match sent {
        Value::String(text) => text,
        Value::Null => "{}".to_owned(),
        sent => sent.to_string(),
    }
}

/// The JSON text of `schema` as a value, for the wire. Text that is no JSON stays text, for the
/// server to refuse.
pub(crate) fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// Arguments as the object that some dialects want; `None` where they are none, as in a call that
/// was cut off.
pub(crate) fn object(arguments: &str) -> Option<Map<String, Value>> {
    // A model may leave out the arguments of a tool that has none.
    if arguments.trim().is_empty() {
        return Some(Map::new());
    }
    serde_json::from_str(arguments).ok()
}

#[cfg(test)]
mod tests;
