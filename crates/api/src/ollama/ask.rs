//! From a body to what a server needs to answer it.

use harmonic_types::{Prompt, Request};

use super::answer::{OllamaAnswer, Shape};
use super::decode::{decode_chat, decode_generate};
use crate::answer::{Asked, Heading};
use crate::body;
use crate::invalid::Invalid;

/// What the body of `POST /api/chat` asks for.
///
/// # Errors
/// As [`body::read`] and [`decode_chat`].
pub fn ask_chat(body: &[u8], heading: &Heading) -> Result<Asked<OllamaAnswer>, Invalid> {
    let body: super::ChatBody = body::read(body)?;
    let (model, stream) = (body.model.clone(), body.stream);
    Ok(asked(Shape::Chat, model, stream, decode_chat(body, heading.id)?))
}

/// What the body of `POST /api/generate` asks for.
///
/// # Errors
/// As [`body::read`] and [`decode_generate`].
pub fn ask_generate(body: &[u8], heading: &Heading) -> Result<Asked<OllamaAnswer>, Invalid> {
    let body: super::GenerateBody = body::read(body)?;
    let (model, stream) = (body.model.clone(), body.stream);
    Ok(asked(Shape::Generate, model, stream, decode_generate(body, heading.id)?))
}

/// The name comes back as the client wrote it.
fn asked(
    shape: Shape,
    model: String,
    stream: Option<bool>,
    request: Request,
) -> Asked<OllamaAnswer> {
    let says_nothing = match &request.prompt {
        Prompt::Chat { messages, .. } => messages.is_empty(),
        Prompt::Text(text) => text.is_empty(),
    };
    let writer = OllamaAnswer::new(shape, model, request.top_logprobs.is_some());
    Asked { request, answers: u32::from(!says_nothing), streamed: stream.unwrap_or(true), writer }
}
