//! From a body to what a server needs to answer it.

use harmonic_types::{Prompt, Request};

use super::answer::{OllamaAnswer, Shape};
use super::decode::{decode_chat_naming, decode_generate_naming};
use super::request::{ChatBody, GenerateBody, WITHOUT_EFFECT};
use crate::answer::{Asked, ResponseMeta};
use crate::body;
use crate::features::FeatureFields;
use crate::ignored::Ignored;
use crate::invalid::Invalid;

/// What the body of `POST /api/chat` asks for.
///
/// # Errors
/// As [`body::read`] and [`super::decode_chat`].
pub fn ask_chat(body: &[u8], heading: &ResponseMeta) -> Result<Asked<OllamaAnswer>, Invalid> {
    let (body, ignored): (ChatBody, _) = body::read_noting(body, WITHOUT_EFFECT)?;
    let (model, stream) = (body.model.clone(), body.stream);
    let mut fields = FeatureFields::default();
    let request = decode_chat_naming(body, heading.id, &mut fields)?;
    Ok(asked(Shape::Chat, model, stream, (fields, ignored), request))
}

/// What the body of `POST /api/generate` asks for.
///
/// # Errors
/// As [`body::read`] and [`super::decode_generate`].
pub fn ask_generate(body: &[u8], heading: &ResponseMeta) -> Result<Asked<OllamaAnswer>, Invalid> {
    let (body, ignored): (GenerateBody, _) = body::read_noting(body, WITHOUT_EFFECT)?;
    let (model, stream) = (body.model.clone(), body.stream);
    let mut fields = FeatureFields::default();
    let request = decode_generate_naming(body, heading.id, &mut fields)?;
    Ok(asked(Shape::Generate, model, stream, (fields, ignored), request))
}

/// The name comes back as the client wrote it.
fn asked(
    shape: Shape,
    model: String,
    stream: Option<bool>,
    (fields, ignored): (FeatureFields, Ignored),
    request: Request,
) -> Asked<OllamaAnswer> {
    let says_nothing = match &request.prompt {
        Prompt::Chat { messages, .. } => messages.is_empty(),
        Prompt::Text(text) => text.is_empty(),
    };
    let writer = OllamaAnswer::new(shape, model, request.top_logprobs.is_some());
    let (answers, streamed) = (u32::from(!says_nothing), stream.unwrap_or(true));
    Asked { request, answers, streamed, fields, ignored, writer }
}
