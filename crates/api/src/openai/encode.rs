//! From a [`Request`] to a body.

use harmonic_types::{Message, Prompt, Request, RequestClass};

use super::content::{self, Kinds};
use super::request::{ChatMessage, ChatRequest, TemplateArguments};
use super::{format, tools};
use crate::checks::FLEX;
use crate::untagged::Strings;

/// Body that [`super::decode()`] decodes to `request`. The request's id is not on the wire, and
/// `stream` is absent, because it is not part of the request. The dialect has no plain text
/// prompts: their body has no message and is refused.
pub fn encode(request: &Request) -> ChatRequest {
    let (response_format, structured_outputs) =
        request.format.as_ref().map_or((None, None), format::encode);
    ChatRequest {
        model: request.agent.0.clone(),
        messages: request.prompt.messages().iter().map(message).collect(),
        tools: match &request.prompt {
            Prompt::Chat { tools, .. } => tools::encode(tools),
            Prompt::Text(_) => None,
        },
        tool_choice: tools::encode_choice(&request.tool_choice),
        parallel_tool_calls: (!request.parallel_tool_calls).then_some(false),
        // The older name, which every server supports.
        max_tokens: request.max_tokens.map(|most| most.0),
        stop: (!request.stop.is_empty()).then(|| Strings(request.stop.clone())),
        seed: request.seed.map(u64::cast_signed),
        ignore_eos: request.ignore_eos.then_some(true),
        logit_bias: (!request.logit_bias.is_empty()).then(|| {
            request.logit_bias.iter().map(|(token, bias)| (token.to_string(), *bias)).collect()
        }),
        response_format,
        structured_outputs,
        logprobs: request.top_logprobs.map(|_| true),
        top_logprobs: request.top_logprobs.map(u32::from),
        chat_template_kwargs: request
            .thinking
            .map(|think| TemplateArguments { enable_thinking: Some(think) }),
        service_tier: service_tier(request.class),
        reasoning_effort: request.effort.map(|effort| effort.as_str().to_owned()),
        ..ChatRequest::default()
    }
    .with_sampling(&request.sampling)
}

/// `service_tier` of a class; none for the default.
pub(crate) fn service_tier(class: RequestClass) -> Option<String> {
    (class == RequestClass::Background).then(|| FLEX.to_owned())
}

fn message(message: &Message) -> ChatMessage {
    let calls = message.tool_calls.iter().cloned().map(Into::into).collect::<Vec<_>>();
    ChatMessage {
        reasoning_content: message.reasoning.clone(),
        tool_calls: (!calls.is_empty()).then_some(calls),
        tool_call_id: message.tool_call_id.clone(),
        ..ChatMessage::new(message.role.as_str(), content::encode(message, Kinds::CHAT))
    }
}
