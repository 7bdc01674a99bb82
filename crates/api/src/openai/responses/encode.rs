//! From a [`Request`] to a body.
//!
//! What the dialect cannot express is omitted (seeds, stop strings, penalties, grammars), and two
//! consecutive assistant messages become one.

use harmonic_types::{Effort, Format, Message, Prompt, Request, Role, Tool, ToolChoice};

use super::decode::{INPUT, LOGPROBS};
use super::request::{
    ChoiceBody, FormatBody, ItemBody, ReasoningBody, ResponsesBody, TextConfig, ToolBody,
};
use crate::openai::{FUNCTION, Part, encode_content, service_tier};
use crate::tools;
use crate::untagged::{Content, StringOrObject};

/// Body that [`super::decode()`] decodes to `request`. `stream` is absent, because it is not part
/// of the request. The dialect has no plain text prompts.
pub fn encode(request: &Request) -> ResponsesBody {
    let (messages, tools) = match &request.prompt {
        Prompt::Chat { messages, tools } => (messages.as_slice(), tools.as_slice()),
        Prompt::Text(_) => (&[][..], &[][..]),
    };
    let (instructions, rest) = match messages {
        [first, rest @ ..] if first.role == Role::System => (Some(first.text().into_owned()), rest),
        all => (None, all),
    };
    ResponsesBody {
        model: request.agent.0.clone(),
        input: Some(Content::Parts(rest.iter().flat_map(items).collect())),
        instructions,
        tools: (!tools.is_empty()).then(|| tools.iter().map(tool).collect()),
        tool_choice: choice(&request.tool_choice),
        parallel_tool_calls: (!request.parallel_tool_calls).then_some(false),
        text: request.format.as_ref().and_then(format),
        max_output_tokens: request.max_tokens.map(|most| most.0),
        top_logprobs: request.top_logprobs.map(u32::from),
        include: request.top_logprobs.map(|_| vec![LOGPROBS.to_owned()]),
        service_tier: service_tier(request.class),
        reasoning: request.thinking.map(|think| {
            let effort = request.effort.unwrap_or(Effort::Medium).as_str();
            let effort = if think { effort } else { "none" };
            ReasoningBody { effort: Some(effort.to_owned()) }
        }),
        ..ResponsesBody::default()
    }
    .with_sampling(&request.sampling)
}

fn items(message: &Message) -> Vec<ItemBody> {
    let content = Some(encode_content(message, INPUT));
    let kind = |kind: &str| Some(kind.to_owned());
    match message.role {
        Role::Tool => vec![ItemBody {
            kind: kind("function_call_output"),
            call_id: Some(message.tool_call_id.clone().unwrap_or_default()),
            output: content,
            ..ItemBody::default()
        }],
        Role::System | Role::User => vec![ItemBody {
            kind: kind("message"),
            role: Some(message.role.as_str().to_owned()),
            content,
            ..ItemBody::default()
        }],
        Role::Assistant => {
            let reasoning = message.reasoning.as_ref().map(|reasoning| ItemBody {
                kind: kind("reasoning"),
                summary: Some(Vec::new()),
                content: Some(Content::Parts(vec![Part {
                    kind: "reasoning_text".to_owned(),
                    text: Some(reasoning.clone()),
                    ..Part::default()
                }])),
                ..ItemBody::default()
            });
            let has_message = !message.content.is_empty() || message.tool_calls.is_empty();
            let text_item = has_message.then(|| ItemBody {
                kind: kind("message"),
                role: Some("assistant".to_owned()),
                content,
                ..ItemBody::default()
            });
            let calls = message.tool_calls.iter().map(|call| ItemBody {
                kind: kind("function_call"),
                call_id: Some(call.id.clone()),
                name: Some(call.name.clone()),
                arguments: Some(call.arguments.clone().into()),
                ..ItemBody::default()
            });
            reasoning.into_iter().chain(text_item).chain(calls).collect()
        }
    }
}

fn tool(tool: &Tool) -> ToolBody {
    ToolBody {
        kind: FUNCTION.to_owned(),
        name: tool.name.clone(),
        description: tool.description.clone(),
        parameters: Some(tools::value(&tool.parameters)),
        strict: None,
    }
}

fn choice(choice: &ToolChoice) -> Option<StringOrObject<ChoiceBody>> {
    let word = |word: &str| Some(StringOrObject::String(word.to_owned()));
    match choice {
        ToolChoice::Auto => None,
        ToolChoice::None => word("none"),
        ToolChoice::Required => word("required"),
        ToolChoice::Named(name) => Some(StringOrObject::Object(ChoiceBody {
            kind: FUNCTION.to_owned(),
            name: name.clone(),
        })),
    }
}

fn format(format: &Format) -> Option<TextConfig> {
    let body = match format {
        Format::JsonObject => {
            FormatBody { kind: "json_object".to_owned(), ..FormatBody::default() }
        }
        Format::JsonSchema(schema) => FormatBody {
            kind: "json_schema".to_owned(),
            name: Some("answer".to_owned()),
            schema: Some(tools::value(schema)),
            strict: Some(true),
        },
        Format::Grammar(_) | Format::Regex(_) => return None,
    };
    Some(TextConfig { format: Some(body) })
}
