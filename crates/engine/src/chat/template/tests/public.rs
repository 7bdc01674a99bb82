//! Templates of public models compared with llama-server's output.
//!
//! The templates are downloaded, and the server's prompts are stored here as digests; see
//! `scripts/public-templates.sh` and `scripts/apply-templates.py`, which queries the server.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use harmonic_types::{Effort, Message, Role, Thinking, Tool, ToolCall};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::super::environment::strftime_now;
use super::super::{Syntax, system_into_user};
use super::{Fixture, Template, TemplateContext, Unmarked};

/// Conversations.
const CONVERSATIONS: &str = include_str!("conversations.json");
/// Digest of each prompt: template, conversation and digest, separated by tabs.
const PROMPTS: &str = include_str!("prompts.txt");
/// Templates that fail at the start, with the reason.
const REFUSED: [(&str, &str); 1] =
    [("fireworks-ai-llama-3-firefunction-v2", "`functions` is undefined")];
/// Formats of the date, which is excluded from the digests.
const DAYS: [&str; 5] = ["%d %b %Y", "%b %d %Y", "%Y-%m-%d", "%B %d, %Y", "%d %B %Y"];

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn message(body: &Value) -> Message {
    let role = match body["role"].as_str() {
        Some("system") => Role::System,
        Some("assistant") => Role::Assistant,
        Some("tool") => Role::Tool,
        _ => Role::User,
    };
    let call = |call: &Value| ToolCall {
        id: text(call, "id"),
        name: text(&call["function"], "name"),
        arguments: text(&call["function"], "arguments"),
    };
    Message {
        tool_calls: list(&body["tool_calls"]).map(call).collect(),
        tool_call_id: body["tool_call_id"].as_str().map(str::to_owned),
        ..Message::new(role, text(body, "content"))
    }
}

fn tool(body: &Value) -> Tool {
    let function = &body["function"];
    Tool {
        name: text(function, "name"),
        description: Some(text(function, "description")),
        parameters: function["parameters"].to_string(),
    }
}

/// Output of the template alone: its tools are shown even if the call syntax is unknown, where they
/// would otherwise be described in a tool prompt.
fn applied(template: &Template, body: &Value, thinking: Thinking) -> Result<String, String> {
    let messages: Vec<Message> = list(&body["messages"]).map(message).collect();
    let tools: Vec<Tool> = list(&body["tools"]).map(tool).collect();
    let unmarked = Unmarked::default();
    let context = TemplateContext { tools: &tools, thinking, ..unmarked.context(&messages) };
    if tools.is_empty() {
        return template.render(context).map_err(|error| error.to_string());
    }
    let capabilities = template.probe_tools(Syntax::of(&template.source));
    let messages = system_into_user(&messages);
    let context = if template.takes_system {
        context
    } else {
        TemplateContext { messages: &messages, ..context }
    };
    template
        .run(context, capabilities.unwrap_or(template.capabilities))
        .map_err(|error| error.to_string())
}

/// First 16 digits of the sha256 of `prompt` without the date.
fn digest(prompt: &str) -> String {
    let day = |text: String, day: &&str| text.replace(&strftime_now(day).expect("a day"), "DAY");
    let text = DAYS.iter().fold(prompt.to_owned(), day);
    hex::encode(&Sha256::digest(text)[..8])
}

/// Thinking in `conversation`, equal to the server's setting; `None` if the server was given an
/// effort that the template does not know.
fn thinking(template: &Template, conversation: &str) -> Option<Thinking> {
    let (off, on) = template.switches.words();
    // A template that needs an effort value to think does not think without one.
    let default = if on.is_some() { Thinking::Off } else { Thinking::On(None) };
    match conversation.split_once(' ') {
        None if conversation == "off" => off.is_none().then_some(Thinking::Off),
        None => Some(default),
        Some(("off", word)) => (off == Some(word)).then_some(Thinking::Off),
        Some(("on", "low")) => Some(Thinking::On(Some(Effort::Low))),
        Some(("on", "medium")) => Some(Thinking::On(Some(Effort::Medium))),
        Some(("on", "high")) => Some(Thinking::On(Some(Effort::High))),
        Some(_) => None,
    }
}

#[test]
#[ignore = "needs the templates: see `make test-real`"]
fn public_templates_are_applied_as_llama_server_applies_them() {
    let templates = PathBuf::from(std::env::var_os("HARMONIC_TEMPLATES").expect("a folder"));
    // The server's prompts, if available, to show differences.
    let answers = std::env::var_os("HARMONIC_APPLIED").map(PathBuf::from);
    let asked: Value = serde_json::from_str(CONVERSATIONS).expect("JSON");
    let mut expected: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    for line in PROMPTS.lines() {
        let mut fields = line.split('\t');
        let [name, conversation, digest] = [(); 3].map(|()| fields.next().expect("three fields"));
        expected.entry(name).or_default().insert(conversation, digest);
    }
    let (mut refused, mut different, mut count) = (BTreeMap::new(), BTreeSet::new(), 0);
    for (name, prompts) in &expected {
        let path = templates.join(format!("{name}.jinja"));
        let fixture = Fixture {
            template: std::fs::read_to_string(&path).expect("a template"),
            bos: text(&asked["tokens"], "bos"),
            eos: text(&asked["tokens"], "eos"),
        };
        let template = match Template::new(&fixture) {
            Ok(template) => template,
            Err(error) => {
                refused.insert(*name, error.to_string());
                continue;
            }
        };
        for (conversation, expected) in prompts {
            let Some(thinking) = thinking(&template, conversation) else { continue };
            let body = &asked["conversations"][*conversation];
            let ours = applied(&template, body, thinking);
            count += 1;
            if ours.as_deref().map(digest).as_deref() != Ok(*expected) {
                different.insert(format!("{name} {conversation}"));
                let answer = answers.as_ref().map(|folder| {
                    let path = folder.join(format!("{name}.json"));
                    let answer = std::fs::read_to_string(path).expect("an answer");
                    let answer: Value = serde_json::from_str(&answer).expect("JSON");
                    text(&answer[*conversation], "prompt")
                });
                println!("\n### {name} {conversation}\nSERVER {answer:?}\nOURS   {ours:?}");
            }
        }
    }
    println!("{count} prompts of {} templates; refused: {refused:#?}", expected.len());
    let listed: Vec<&str> = REFUSED.iter().map(|(name, _)| *name).collect();
    assert_eq!(refused.keys().copied().collect::<Vec<_>>(), listed);
    for (name, reason) in REFUSED {
        assert!(refused[name].contains(reason), "{name}: {}", refused[name]);
    }
    assert_eq!(different, BTreeSet::new());
}
