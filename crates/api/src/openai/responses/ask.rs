//! From a body to what a server needs to answer it.

use super::answer::ResponseAnswer;
use super::decode::decode_naming;
use super::item::Status;
use super::request::{FormatBody, ResponsesBody, TextConfig, WITHOUT_EFFECT};
use super::response::Response;
use crate::answer::{Asked, ResponseMeta};
use crate::body;
use crate::features::FeatureFields;
use crate::invalid::Invalid;
use crate::said::StringOrObject;

/// What the body of `POST /v1/responses` asks for.
///
/// # Errors
/// As [`body::read`] and [`super::decode()`].
pub fn ask(body: &[u8], heading: &ResponseMeta) -> Result<Asked<ResponseAnswer>, Invalid> {
    let (body, mut ignored): (ResponsesBody, _) = body::read_noting(body, WITHOUT_EFFECT)?;
    for (index, tool) in body.tools.iter().flatten().enumerate() {
        if tool.left_out() {
            ignored.tool(&format!("tools[{index}]"), &tool.kind);
        }
    }
    let streamed = body.stream == Some(true);
    let response = begun(&body, heading);
    let mut fields = FeatureFields::default();
    let request = decode_naming(body, heading.id, &mut fields)?;
    let logprobs = request.top_logprobs.is_some();
    let writer = ResponseAnswer::new(heading.name.clone(), response, logprobs);
    Ok(Asked { request, answers: 1, streamed, fields, ignored, writer })
}

/// The response to `body` as it begins.
fn begun(body: &ResponsesBody, heading: &ResponseMeta) -> Response {
    Response {
        id: format!("resp_{}", heading.name),
        object: "response".to_owned(),
        created_at: heading.created,
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
        store: false,
        temperature: body.temperature,
        text: body.text.clone().filter(|text| text.format.is_some()).unwrap_or_else(any_text),
        tool_choice: body.tool_choice.clone().unwrap_or(StringOrObject::Word("auto".to_owned())),
        tools: body.tools.iter().flatten().filter(|tool| !tool.left_out()).cloned().collect(),
        top_logprobs: body.top_logprobs,
        top_p: body.top_p,
        truncation: body.truncation.clone().unwrap_or_else(|| "disabled".to_owned()),
        usage: None,
        metadata: body.metadata.clone().unwrap_or_default(),
    }
}

/// What `text` says where nothing was asked.
fn any_text() -> TextConfig {
    TextConfig { format: Some(FormatBody { kind: "text".to_owned(), ..FormatBody::default() }) }
}
