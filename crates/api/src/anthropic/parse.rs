//! From a body to a parsed request.

use super::answer::MessageEncoder;
use super::decode::decode_naming;
use super::request::{MessagesBody, WITHOUT_EFFECT};
use crate::body;
use crate::features::FeatureFields;
use crate::response_encoder::{ParsedRequest, ResponseMeta};
use crate::validation_error::ValidationError;

/// Parses the body of `POST /v1/messages`.
///
/// # Errors
/// As [`body::read`] and [`super::decode()`].
pub fn parse(
    body: &[u8],
    meta: &ResponseMeta,
) -> Result<ParsedRequest<MessageEncoder>, ValidationError> {
    let (body, ignored): (MessagesBody, _) = body::read_noting(body, WITHOUT_EFFECT)?;
    let streamed = body.stream == Some(true);
    let mut fields = FeatureFields::default();
    let request = decode_naming(body, meta.id, &mut fields)?;
    let encoder = MessageEncoder::new(
        format!("msg_{}", meta.name),
        request.agent.0.clone(),
        request.stop.clone(),
    );
    Ok(ParsedRequest { request, answers: 1, streamed, fields, ignored, encoder })
}
