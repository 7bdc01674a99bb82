//! From a chat body to a parsed request.

use super::answer::ChatEncoder;
use super::decode::decode_naming;
use super::request::{ChatRequest, WITHOUT_EFFECT};
use crate::features::FeatureFields;
use crate::response_encoder::{ParsedRequest, ResponseMeta};
use crate::validation_error::ValidationError;
use crate::{body, checks};

/// Parses the body of `POST /v1/chat/completions`.
///
/// # Errors
/// As [`body::read`] and [`super::decode()`].
pub fn parse(
    body: &[u8],
    meta: &ResponseMeta,
) -> Result<ParsedRequest<ChatEncoder>, ValidationError> {
    let (body, ignored): (ChatRequest, _) = body::read_noting(body, WITHOUT_EFFECT)?;
    let streamed = body.stream == Some(true);
    let count = body.stream_options.and_then(|options| options.include_usage) == Some(true);
    let answers = checks::answers(body.n)?;
    let mut fields = FeatureFields::default();
    let request = decode_naming(body, meta.id, &mut fields)?;
    let encoder = ChatEncoder {
        id: format!("chatcmpl-{}", meta.name),
        created: meta.created,
        model: request.agent.0.clone(),
        answers,
        logprobs: request.top_logprobs.is_some(),
        count,
    };
    Ok(ParsedRequest { request, answers, streamed, fields, ignored, encoder })
}
