//! From a chat body to what a server needs to answer it.

use super::answer::ChatAnswer;
use super::decode::decode_naming;
use super::request::{ChatRequest, WITHOUT_EFFECT};
use crate::answer::{Asked, ResponseMeta};
use crate::features::FeatureFields;
use crate::invalid::Invalid;
use crate::{body, checks};

/// What the body of `POST /v1/chat/completions` asks for.
///
/// # Errors
/// As [`body::read`] and [`super::decode()`].
pub fn ask(body: &[u8], heading: &ResponseMeta) -> Result<Asked<ChatAnswer>, Invalid> {
    let (body, ignored): (ChatRequest, _) = body::read_noting(body, WITHOUT_EFFECT)?;
    let streamed = body.stream == Some(true);
    let count = body.stream_options.and_then(|options| options.include_usage) == Some(true);
    let answers = checks::answers(body.n)?;
    let mut fields = FeatureFields::default();
    let request = decode_naming(body, heading.id, &mut fields)?;
    let writer = ChatAnswer {
        id: format!("chatcmpl-{}", heading.name),
        created: heading.created,
        model: request.agent.0.clone(),
        answers,
        logprobs: request.top_logprobs.is_some(),
        count,
    };
    Ok(Asked { request, answers, streamed, fields, ignored, writer })
}
