//! Messages and tools as template values, in the format of Hugging Face's `apply_chat_template`.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use harmonic_types::{Message, Role, Tool, ToolCall};
use serde_json::{Map, Value, json};

use super::json::json_text;
use crate::chat::taint::{TaintMarks, unmarked};

/// Formats that a template requires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent requirements")]
pub(super) struct TemplateCapabilities {
    /// Call arguments as text instead of an object.
    pub(super) text_arguments: bool,
    /// Call ids of nine letters and digits (Mistral's templates reject others).
    pub(super) short_ids: bool,
    /// Content as a list of one part.
    pub(super) parts: bool,
    /// Arguments that are no object wrapped in one.
    pub(super) whole_arguments: bool,
    /// Results as members of the message with their calls.
    pub(super) results_in_calls: bool,
}

/// Member for results of a message with calls.
pub(super) const RESPONSES: &str = "tool_responses";

/// Tool in OpenAI's format.
pub(in crate::chat) fn tool_value(tool: &Tool, marks: &TaintMarks) -> Value {
    let parameters = serde_json::from_str(&tool.parameters).unwrap_or_else(|_| json!({}));
    json!({
        "type": "function",
        "function": {
            "name": marks.text(&tool.name),
            // Never null: templates concatenate it.
            "description": marks.text(tool.description.as_deref().unwrap_or_default()),
            "parameters": marks.json(parameters),
        },
    })
}

/// Values of `messages`, whose contents are marked. A tool result gets the tool's name from an
/// earlier call.
pub(super) fn message_values(
    messages: &[Message],
    capabilities: TemplateCapabilities,
    marks: &TaintMarks,
) -> Vec<Value> {
    let mut names: HashMap<&str, &str> = HashMap::new();
    let mut values = Vec::with_capacity(messages.len());
    for message in messages {
        for call in &message.tool_calls {
            names.insert(&call.id, &call.name);
        }
        let value = value(message, &names, capabilities, marks);
        if capabilities.results_in_calls && message.role == Role::Tool {
            put_result(&mut values, value, message, marks);
        } else if capabilities.results_in_calls && message.role == Role::Assistant {
            put_answer(&mut values, value);
        } else {
            values.push(value);
        }
    }
    values
}

/// Adds `result` to the preceding message with calls, if any; parsed if it is JSON.
fn put_result(values: &mut Vec<Value>, result: Value, message: &Message, marks: &TaintMarks) {
    let Some(calls) = values.last_mut().filter(|last| last.get("tool_calls").is_some()) else {
        return values.push(result);
    };
    let response = serde_json::from_str(&unmarked(&message.text()));
    let response = response.map_or_else(|_| result["content"].clone(), |value| marks.json(value));
    let name = result.get("name").or(result.get("tool_call_id")).cloned();
    let put = json!({"name": name.unwrap_or_default(), "response": response});
    match calls.get_mut(RESPONSES).and_then(Value::as_array_mut) {
        Some(responses) => responses.push(put),
        None => calls[RESPONSES] = json!([put]),
    }
}

/// Adds an assistant message: text after the results of calls becomes part of the message with
/// these calls, text before calls becomes a separate message.
fn put_answer(values: &mut Vec<Value>, mut answer: Value) {
    let is_empty = |content: &Value| content.as_str().is_some_and(str::is_empty);
    let has_calls = answer.get("tool_calls").is_some();
    if let Some(calls) = values.last_mut().filter(|last| last.get(RESPONSES).is_some())
        && !has_calls
        && calls["content"].is_null()
    {
        calls["content"] = answer["content"].take();
        return;
    }
    if has_calls {
        let said = answer["content"].take();
        if !is_empty(&said) {
            values.push(json!({"role": answer["role"], "content": said}));
        }
    }
    values.push(answer);
}

/// Whether any call's arguments are not an object.
pub(super) fn has_broken_calls(messages: &[Message]) -> bool {
    let mut calls = messages.iter().flat_map(|message| &message.tool_calls);
    calls.any(|call| object(&call.arguments).is_none())
}

fn value(
    message: &Message,
    names: &HashMap<&str, &str>,
    capabilities: TemplateCapabilities,
    marks: &TaintMarks,
) -> Value {
    let id = |id: &str| if capabilities.short_ids { short(id) } else { marks.text(id) };
    let mut value = Map::new();
    value.insert("role".to_owned(), message.role.as_str().into());
    let content = message.text();
    let content = if capabilities.parts {
        json!([{"type": "text", "text": content}])
    } else {
        content.into_owned().into()
    };
    value.insert("content".to_owned(), content);
    if let Some(reasoning) = &message.reasoning {
        value.insert("reasoning_content".to_owned(), reasoning.as_str().into());
    }
    if !message.tool_calls.is_empty() {
        let calls = message.tool_calls.iter().map(|call| {
            let name = marks.text(&call.name);
            let arguments = arguments(call, capabilities, marks);
            json!({
                "id": id(&call.id),
                "type": "function",
                "function": {"name": name, "arguments": arguments},
            })
        });
        value.insert("tool_calls".to_owned(), calls.collect());
    }
    if let Some(call) = &message.tool_call_id {
        value.insert("tool_call_id".to_owned(), id(call).into());
        if let Some(name) = names.get(call.as_str()) {
            value.insert("name".to_owned(), marks.text(name).into());
        }
    }
    Value::Object(value)
}

/// Arguments of a call in the required format. Invalid ones are kept as text, so that the
/// conversation can continue.
fn arguments(call: &ToolCall, capabilities: TemplateCapabilities, marks: &TaintMarks) -> Value {
    let text = call.arguments.trim();
    match object(text) {
        Some(_) if capabilities.text_arguments && text.starts_with('{') => {
            marks.text(&call.arguments).into()
        }
        Some(object) if capabilities.text_arguments => marks.text(&json_text(&object)).into(),
        Some(object) => marks.json(object),
        None if capabilities.whole_arguments => json!({ "arguments": marks.text(text) }),
        None => marks.text(text).into(),
    }
}

/// Object in `arguments`: empty if there are none; doubly encoded JSON is decoded.
pub(in crate::chat) fn object(arguments: &str) -> Option<Value> {
    let text = arguments.trim();
    if text.is_empty() {
        return Some(json!({}));
    }
    match serde_json::from_str(text).ok()? {
        Value::Null => Some(json!({})),
        Value::String(inner) => serde_json::from_str(&inner).ok().filter(Value::is_object),
        value => Some(value).filter(Value::is_object),
    }
}

/// `id` if it has nine letters and digits, else nine digits of its hash.
fn short(id: &str) -> String {
    if id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return id.to_owned();
    }
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    format!("{:09}", hasher.finish() % 1_000_000_000)
}
