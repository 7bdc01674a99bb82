//! Tool prompt for models whose template does not support tools: tools are described in the system
//! message, calls are part of the assistant's text, and results become user messages.

use std::fmt::Write as _;

use harmonic_types::{Message, Role, Tool};

use super::taint::TaintMarks;
use super::template::{arguments_object, json_text, tool_value};

/// Delimiters of a tool result.
const RESULT: (&str, &str) = ("<tool_response>\n", "\n</tool_response>");

/// Rewrites `messages` without tool calls and results, with `tools` in the system message. Roles
/// alternate where they did before. Message contents are marked, the added text is not.
pub(super) fn inline_tools(
    messages: &[Message],
    tools: &[Tool],
    marks: &TaintMarks,
) -> Vec<Message> {
    let mut plain: Vec<Message> = Vec::with_capacity(messages.len() + 1);
    let mut messages = messages;
    if !tools.is_empty() {
        let mut system = String::new();
        if let Some((first, rest)) = messages.split_first().filter(|(m, _)| m.role == Role::System)
        {
            system = first.text().into_owned() + "\n\n";
            messages = rest;
        }
        plain.push(Message::new(Role::System, system + &description(tools, marks)));
    }
    // Whether the last message holds results, to which the next user message is appended.
    let mut results = false;
    for message in messages {
        let is_result = message.role == Role::Tool;
        let content = match message.role {
            Role::Tool => [RESULT.0, &message.text(), RESULT.1].concat(),
            Role::Assistant => with_calls(message, marks),
            Role::System | Role::User => message.text().into_owned(),
        };
        let role = if is_result { Role::User } else { message.role };
        match plain.last_mut() {
            Some(last) if results && role == Role::User => {
                last.push_text("\n\n");
                last.push_text(&content);
            }
            _ => plain.push(Message {
                reasoning: message.reasoning.clone(),
                tool_call_id: message.tool_call_id.clone(),
                ..Message::new(role, content)
            }),
        }
        results = is_result || (results && role == Role::User);
    }
    plain
}

/// Text of an assistant message, including its calls in the model's syntax.
fn with_calls(message: &Message, marks: &TaintMarks) -> String {
    let mut content = message.text().into_owned();
    for call in &message.tool_calls {
        if !content.is_empty() {
            content.push('\n');
        }
        let name = marks.text(&serde_json::Value::from(call.name.as_str()).to_string());
        let arguments = match arguments_object(&call.arguments) {
            Some(object) if !call.arguments.trim().starts_with('{') => json_text(&object),
            _ => call.arguments.clone(),
        };
        // Writing to a string cannot fail.
        let _written = write!(
            content,
            "<tool_call>\n{{\"name\": {name}, \"arguments\": {}}}\n</tool_call>",
            marks.text(&arguments)
        );
    }
    content
}

fn description(tools: &[Tool], marks: &TaintMarks) -> String {
    let mut text = "You can call tools. Each line describes one, with the JSON Schema of its \
                    arguments:\n"
        .to_owned();
    for tool in tools {
        text.push_str(&json_text(&tool_value(tool, marks)["function"]));
        text.push('\n');
    }
    text + "To call a tool, answer with nothing but its name and arguments in this form, once for \
            each call:\n<tool_call>\n{\"name\": \"NAME\", \"arguments\": {\"KEY\": \"VALUE\"}}\n\
            </tool_call>\nThe results come between <tool_response> and </tool_response>. Where no \
            tool is needed, answer in plain text."
}
