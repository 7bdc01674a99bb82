//! Messages and tools in the form that Hugging Face's `apply_chat_template` gives to templates.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use harmonic_types::{Message, Tool};
use serde_json::{Map, Value, json};

/// What a template wants of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wishes {
    /// Arguments as text; most want the object.
    pub(super) text_arguments: bool,
    /// Ids of nine letters and digits (Mistral's raise an error for others).
    pub(super) short_ids: bool,
}

/// A tool as OpenAI describes it.
pub(in crate::chat) fn tool_value(tool: &Tool) -> Value {
    let parameters = serde_json::from_str(&tool.parameters).unwrap_or_else(|_| json!({}));
    json!({
        "type": "function",
        "function": {
            "name": tool.name,
            // Templates add it to other strings.
            "description": tool.description.as_deref().unwrap_or_default(),
            "parameters": parameters as Value,
        },
    })
}

/// `messages`; a tool's result gets the tool's name where a call before it tells.
pub(super) fn message_values(messages: &[Message], wishes: Wishes) -> Vec<Value> {
    let mut names: HashMap<&str, &str> = HashMap::new();
    let mut values = Vec::with_capacity(messages.len());
    for message in messages {
        for call in &message.tool_calls {
            names.insert(&call.id, &call.name);
        }
        values.push(value(message, &names, wishes));
    }
    values
}

fn value(message: &Message, names: &HashMap<&str, &str>, wishes: Wishes) -> Value {
    let id = |id: &str| if wishes.short_ids { short(id) } else { id.to_owned() };
    let mut value = Map::new();
    value.insert("role".to_owned(), message.role.as_str().into());
    value.insert("content".to_owned(), message.content.as_str().into());
    if let Some(reasoning) = &message.reasoning {
        value.insert("reasoning_content".to_owned(), reasoning.as_str().into());
    }
    if !message.tool_calls.is_empty() {
        let calls = message.tool_calls.iter().map(|call| {
            let object = serde_json::from_str(&call.arguments).ok().filter(Value::is_object);
            let arguments = object.filter(|_| !wishes.text_arguments);
            let arguments = arguments.unwrap_or_else(|| call.arguments.as_str().into());
            json!({
                "id": id(&call.id),
                "type": "function",
                "function": {"name": call.name, "arguments": arguments},
            })
        });
        value.insert("tool_calls".to_owned(), calls.collect());
    }
    if let Some(call) = &message.tool_call_id {
        value.insert("tool_call_id".to_owned(), id(call).into());
        if let Some(name) = names.get(call.as_str()) {
            value.insert("name".to_owned(), (*name).into());
        }
    }
    Value::Object(value)
}

/// `id` if it has nine letters and digits, else nine that stand for it.
fn short(id: &str) -> String {
    if id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return id.to_owned();
    }
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    format!("{:09}", hasher.finish() % 1_000_000_000)
}
