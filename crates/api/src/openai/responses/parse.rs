//! From a body to a parsed request.

use super::answer::ResponsesEncoder;
use super::decode::decode_naming;
use super::item::Status;
use super::request::{FormatBody, ResponsesBody, TextConfig, WITHOUT_EFFECT};
use super::response::Response;
use crate::body;
use crate::features::FeatureFields;
use crate::response_encoder::{ParsedRequest, ResponseMeta};
use crate::untagged::StringOrObject;
use crate::validation_error::ValidationError;

/// Parses the body of `POST /v1/responses`.
///
/// # Errors
/// As [`body::read`] and [`super::decode()`].
pub fn parse(
    body: &[u8],
    meta: &ResponseMeta,
) -> Result<ParsedRequest<ResponsesEncoder>, ValidationError> {
    let (body, mut ignored): (ResponsesBody, _) = body::read_noting(body, WITHOUT_EFFECT)?;
    for (index, tool) in body.tools.iter().flatten().enumerate() {
        if tool.left_out() {
            ignored.tool(&format!("tools[{index}]"), &tool.kind);
        }
    }
    let streamed = body.stream == Some(true);
    let response = initial_response(&body, meta);
    let mut fields = FeatureFields::default();
    let request = decode_naming(body, meta.id, &mut fields)?;
    let logprobs = request.top_logprobs.is_some();
    let encoder = ResponsesEncoder::new(meta.name.clone(), response, logprobs);
    Ok(ParsedRequest { request, answers: 1, streamed, fields, ignored, encoder })
}

/// Initial response to `body`.
fn initial_response(body: &ResponsesBody, meta: &ResponseMeta) -> Response {
    Response {
        id: format!("resp_{}", meta.name),
        object: "response".to_owned(),
        created_at: meta.created,
        status: Status::InProgress,
        error: None,
        incomplete_details: None,
        instructions: body.instructions.clone(),
        max_output_tokens: body.max_output_tokens,
        model: body.model.clone(),
        output: Vec::new(),
        parallel_tool_calls: body.parallel_tool_calls.unwrap_or(true),
        previous_response_id: None,
        reasoning: body.reasoning.clone().unwrap_or_default(),
        store: body.background == Some(true),
        background: body.background == Some(true),
        temperature: body.temperature,
        text: body.text.clone().filter(|text| text.format.is_some()).unwrap_or_else(any_text),
        tool_choice: body.tool_choice.clone().unwrap_or(StringOrObject::String("auto".to_owned())),
        tools: body.tools.iter().flatten().filter(|tool| !tool.left_out()).cloned().collect(),
        top_logprobs: body.top_logprobs,
        top_p: body.top_p,
        truncation: body.truncation.clone().unwrap_or_else(|| "disabled".to_owned()),
        usage: None,
        metadata: body.metadata.clone().unwrap_or_default(),
    }
}

/// Default of `text`.
pub(super) fn any_text() -> TextConfig {
    TextConfig { format: Some(FormatBody { kind: "text".to_owned(), ..FormatBody::default() }) }
}
