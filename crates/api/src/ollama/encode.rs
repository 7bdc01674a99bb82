//! From a [`Request`] to a body.
//!
//! What the dialect cannot express is omitted: `tool_choice`, the number of calls, `logit_bias`,
//! `ignore_eos`, grammars.

use harmonic_types::{ContentPart, Format, Message, Prompt, Request, Role};
use serde_json::Value;

use super::options;
use super::request::{CallBody, CalledBody, ChatBody, GenerateBody, MessageBody};
use crate::{openai, tools};

/// Body that [`super::decode_chat`] decodes to `request`. `stream` is absent, because it is not
/// part of the request. For plain text prompts use [`encode_generate`].
pub fn encode_chat(request: &Request) -> ChatBody {
    let (messages, tools): (&[Message], _) = match &request.prompt {
        Prompt::Chat { messages, tools } => (messages, openai::encode_tools(tools)),
        Prompt::Text(_) => (&[], None),
    };
    ChatBody {
        model: request.agent.0.clone(),
        messages: messages.iter().map(message).collect(),
        tools,
        stream: None,
        format: format(request.format.as_ref()),
        options: options::encode(request),
        think: think(request),
        logprobs: request.top_logprobs.map(|_| true),
        top_logprobs: request.top_logprobs.map(u32::from),
        keep_alive: None,
    }
}

/// Body that [`super::decode_generate`] decodes to `request`: a text, or one question with or
/// without a system prompt. For longer conversations use [`encode_chat`].
pub fn encode_generate(request: &Request) -> GenerateBody {
    let find = |role| request.prompt.messages().iter().find(|message| message.role == role);
    let text = |role| find(role).map(|message| message.text().into_owned());
    let (prompt, system, raw) = match &request.prompt {
        Prompt::Text(text) => (Some(text.clone()), None, Some(true)),
        Prompt::Chat { .. } => (text(Role::User), text(Role::System), None),
    };
    GenerateBody {
        model: request.agent.0.clone(),
        prompt,
        images: find(Role::User).and_then(images),
        system,
        raw,
        format: format(request.format.as_ref()),
        options: options::encode(request),
        think: think(request),
        logprobs: request.top_logprobs.map(|_| true),
        top_logprobs: request.top_logprobs.map(u32::from),
        ..GenerateBody::default()
    }
}

fn think(request: &Request) -> Option<Value> {
    match (request.thinking?, request.effort) {
        (true, Some(effort)) => Some(effort.as_str().into()),
        (thinks, _) => Some(thinks.into()),
    }
}

fn format(format: Option<&Format>) -> Option<Value> {
    match format? {
        Format::JsonObject => Some(Value::String("json".to_owned())),
        Format::JsonSchema(schema) => Some(tools::value(schema)),
        Format::Grammar(_) | Format::Regex(_) => None,
    }
}

/// Images of `message`, which the dialect places before the text. It has no audio.
fn images(message: &Message) -> Option<Vec<String>> {
    let image = |part: &ContentPart| match part {
        ContentPart::Image(image) => Some(image.base64.clone()),
        ContentPart::Text { .. } | ContentPart::Audio(_) => None,
    };
    let images: Vec<String> = message.content.iter().filter_map(image).collect();
    (!images.is_empty()).then_some(images)
}

fn message(message: &Message) -> MessageBody {
    let calls: Vec<_> = message
        .tool_calls
        .iter()
        .map(|call| CallBody {
            id: Some(call.id.clone()),
            function: CalledBody {
                index: None,
                name: call.name.clone(),
                arguments: tools::object(&call.arguments).unwrap_or_default().into(),
            },
        })
        .collect();
    MessageBody {
        role: message.role.as_str().to_owned(),
        content: Some(message.text().into_owned()),
        thinking: message.reasoning.clone(),
        images: images(message),
        tool_calls: (!calls.is_empty()).then_some(calls),
        tool_name: None,
        tool_call_id: message.tool_call_id.clone(),
    }
}
