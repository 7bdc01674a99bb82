//! From a body to a parsed request.

use harmonic_types::{Prompt, Request};

use super::answer::{Endpoint, OllamaEncoder};
use super::decode::{decode_chat_naming, decode_generate_naming};
use super::request::{ChatBody, GenerateBody, WITHOUT_EFFECT};
use crate::body;
use crate::features::FeatureFields;
use crate::ignored::Ignored;
use crate::response_encoder::{ParsedRequest, ResponseMeta};
use crate::validation_error::ValidationError;

/// Parses the body of `POST /api/chat`.
///
/// # Errors
/// As [`body::read`] and [`super::decode_chat`].
pub fn parse_chat(
    body: &[u8],
    meta: &ResponseMeta,
) -> Result<ParsedRequest<OllamaEncoder>, ValidationError> {
    let (body, ignored): (ChatBody, _) = body::read_noting(body, WITHOUT_EFFECT)?;
    let (model, stream) = (body.model.clone(), body.stream);
    let mut fields = FeatureFields::default();
    let request = decode_chat_naming(body, meta.id, &mut fields)?;
    Ok(parsed(Endpoint::Chat, model, stream, (fields, ignored), request))
}

/// Parses the body of `POST /api/generate`.
///
/// # Errors
/// As [`body::read`] and [`super::decode_generate`].
pub fn parse_generate(
    body: &[u8],
    meta: &ResponseMeta,
) -> Result<ParsedRequest<OllamaEncoder>, ValidationError> {
    let (body, ignored): (GenerateBody, _) = body::read_noting(body, WITHOUT_EFFECT)?;
    let (model, stream) = (body.model.clone(), body.stream);
    let mut fields = FeatureFields::default();
    let request = decode_generate_naming(body, meta.id, &mut fields)?;
    Ok(parsed(Endpoint::Generate, model, stream, (fields, ignored), request))
}

/// The response repeats the model name as the client wrote it.
fn parsed(
    endpoint: Endpoint,
    model: String,
    stream: Option<bool>,
    (fields, ignored): (FeatureFields, Ignored),
    request: Request,
) -> ParsedRequest<OllamaEncoder> {
    let is_empty_value = match &request.prompt {
        Prompt::Chat { messages, .. } => messages.is_empty(),
        Prompt::Text(text) => text.is_empty(),
    };
    let encoder = OllamaEncoder::new(endpoint, model, request.top_logprobs.is_some());
    let (answers, streamed) = (u32::from(!is_empty_value), stream.unwrap_or(true));
    ParsedRequest { request, answers, streamed, fields, ignored, encoder }
}
