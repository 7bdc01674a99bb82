//! From a [`Request`] to a body.
//!
//! What the dialect cannot express is omitted: seeds, penalties, log-probabilities, output formats
//! other than a JSON Schema, system messages within a conversation.

use harmonic_types::{ContentPart, Format, Message, Prompt, Request, Role, ToolChoice};

use super::blocks::{BlockBody, TextBody};
use super::request::{
    ChoiceBody, FormatBody, MessageBody, MessagesBody, OutputConfig, ThinkingBody, ToolBody,
};
use crate::tools;
use crate::untagged::Content;

/// Minimum thinking budget, in tokens, that servers of the dialect accept.
const MIN_THINKING_BUDGET: u64 = 1024;

/// Body that [`super::decode()`] decodes to `request`. `stream` is absent, because it is not part
/// of the request. The dialect has no plain text prompts.
pub fn encode(request: &Request) -> MessagesBody {
    let messages = request.prompt.messages();
    let system = messages.iter().find(|message| message.role == Role::System);
    let tools = match &request.prompt {
        Prompt::Chat { tools, .. } => tools.as_slice(),
        Prompt::Text(_) => &[],
    };
    let tools: Vec<_> = tools
        .iter()
        .map(|tool| ToolBody {
            kind: None,
            name: tool.name.clone(),
            description: tool.description.clone(),
            input_schema: Some(tools::value(&tool.parameters)),
            strict: None,
        })
        .collect();
    MessagesBody {
        model: request.agent.0.clone(),
        messages: messages.iter().filter_map(message).collect(),
        max_tokens: request.max_tokens.map(|most| most.0),
        system: system.map(|message| Content::Text(message.text().into_owned())),
        stop_sequences: (!request.stop.is_empty()).then(|| request.stop.clone()),
        tools: (!tools.is_empty()).then_some(tools),
        tool_choice: choice(&request.tool_choice, request.parallel_tool_calls),
        thinking: request.thinking.map(thinking),
        output_config: request.format.as_ref().and_then(format),
        ..MessagesBody::default()
    }
    .with_sampling(&request.sampling)
}

fn message(message: &Message) -> Option<MessageBody> {
    let (role, content) = match message.role {
        Role::System => return None,
        Role::User => ("user", user(message)),
        Role::Assistant => ("assistant", assistant(message)),
        Role::Tool => {
            let result = BlockBody {
                kind: "tool_result".to_owned(),
                tool_use_id: Some(message.tool_call_id.clone().unwrap_or_default()),
                content: Some(result(message)),
                ..BlockBody::default()
            };
            ("user", Content::Parts(vec![result]))
        }
    };
    Some(MessageBody { role: role.to_owned(), content })
}

/// Content of a user message.
fn user(message: &Message) -> Content<BlockBody> {
    match result(message) {
        Content::Text(text) => Content::Text(text),
        Content::Parts(blocks) => {
            let block = |TextBody { kind, text, source }| BlockBody {
                kind,
                text,
                source,
                ..BlockBody::default()
            };
            Content::Parts(blocks.into_iter().map(block).collect())
        }
    }
}

/// Content of a tool result. The dialect has no audio.
fn result(message: &Message) -> Content<TextBody> {
    if !message.content.iter().any(|part| matches!(part, ContentPart::Image(_))) {
        return Content::Text(message.text().into_owned());
    }
    let block = |part: &ContentPart| match part {
        ContentPart::Text { text } => {
            Some(TextBody { kind: "text".to_owned(), text: Some(text.clone()), source: None })
        }
        ContentPart::Image(image) => {
            Some(TextBody { kind: "image".to_owned(), text: None, source: Some(image.into()) })
        }
        ContentPart::Audio(_) => None,
    };
    Content::Parts(message.content.iter().filter_map(block).collect())
}

fn assistant(message: &Message) -> Content<BlockBody> {
    if message.reasoning.is_none() && message.tool_calls.is_empty() {
        return Content::Text(message.text().into_owned());
    }
    let thinking = message.reasoning.as_ref().map(|thinking| BlockBody {
        kind: "thinking".to_owned(),
        thinking: Some(thinking.clone()),
        signature: Some(String::new()),
        ..BlockBody::default()
    });
    let text = (!message.content.is_empty()).then(|| BlockBody {
        kind: "text".to_owned(),
        text: Some(message.text().into_owned()),
        ..BlockBody::default()
    });
    let calls = message.tool_calls.iter().map(|call| BlockBody {
        kind: "tool_use".to_owned(),
        id: Some(call.id.clone()),
        name: Some(call.name.clone()),
        input: Some(tools::object(&call.arguments).unwrap_or_default().into()),
        ..BlockBody::default()
    });
    Content::Parts(thinking.into_iter().chain(text).chain(calls).collect())
}

fn choice(choice: &ToolChoice, parallel: bool) -> Option<ChoiceBody> {
    let (kind, name) = match choice {
        ToolChoice::Auto if parallel => return None,
        ToolChoice::Auto => ("auto", None),
        ToolChoice::None => ("none", None),
        ToolChoice::Required => ("any", None),
        ToolChoice::Named(name) => ("tool", Some(name.clone())),
    };
    let disable_parallel_tool_use = (!parallel).then_some(true);
    Some(ChoiceBody { kind: kind.to_owned(), name, disable_parallel_tool_use })
}

fn thinking(think: bool) -> ThinkingBody {
    let kind = if think { "enabled" } else { "disabled" };
    ThinkingBody { kind: kind.to_owned(), budget_tokens: think.then_some(MIN_THINKING_BUDGET) }
}

fn format(format: &Format) -> Option<OutputConfig> {
    let Format::JsonSchema(schema) = format else { return None };
    let format = FormatBody { kind: "json_schema".to_owned(), schema: Some(tools::value(schema)) };
    Some(OutputConfig { format: Some(format) })
}
