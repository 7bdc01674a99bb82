//! From a body to what a server needs to answer it.

use super::answer::MessageAnswer;
use super::decode::decode;
use super::request::{MessagesBody, WITHOUT_EFFECT};
use crate::answer::{Asked, Heading};
use crate::body;
use crate::invalid::Invalid;

/// What the body of `POST /v1/messages` asks for.
///
/// # Errors
/// As [`body::read`] and [`decode`].
pub fn ask(body: &[u8], heading: &Heading) -> Result<Asked<MessageAnswer>, Invalid> {
    let (body, ignored): (MessagesBody, _) = body::read_noting(body, WITHOUT_EFFECT)?;
    let streamed = body.stream == Some(true);
    let request = decode(body, heading.id)?;
    let writer = MessageAnswer::new(
        format!("msg_{}", heading.name),
        request.agent.0.clone(),
        request.stop.clone(),
    );
    Ok(Asked { request, answers: 1, streamed, ignored, writer })
}
