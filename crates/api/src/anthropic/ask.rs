//! From a body to what a server needs to answer it.

use super::answer::MessageAnswer;
use super::decode::decode_naming;
use super::request::{MessagesBody, WITHOUT_EFFECT};
use crate::answer::{Asked, ResponseMeta};
use crate::body;
use crate::features::FeatureFields;
use crate::invalid::Invalid;

/// What the body of `POST /v1/messages` asks for.
///
/// # Errors
/// As [`body::read`] and [`super::decode()`].
pub fn ask(body: &[u8], heading: &ResponseMeta) -> Result<Asked<MessageAnswer>, Invalid> {
    let (body, ignored): (MessagesBody, _) = body::read_noting(body, WITHOUT_EFFECT)?;
    let streamed = body.stream == Some(true);
    let mut fields = FeatureFields::default();
    let request = decode_naming(body, heading.id, &mut fields)?;
    let writer = MessageAnswer::new(
        format!("msg_{}", heading.name),
        request.agent.0.clone(),
        request.stop.clone(),
    );
    Ok(Asked { request, answers: 1, streamed, fields, ignored, writer })
}
