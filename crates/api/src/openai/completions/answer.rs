//! From a body to a parsed request, and encoding of an engine's events as chunks or as one
//! document.
//!
//! Invariants: exactly one chunk of each answer has a finish reason; an aborted stream has no
//! `[DONE]`. Reasoning is separate from the text, as in the chat.

use std::borrow::Cow;

use bytes::BytesMut;
use harmonic_types::Event;
use serde::{Deserialize, Serialize};

use super::decode::decode_naming;
use super::logprobs::TextLogprobs;
use super::request::{CompletionBody, WITHOUT_EFFECT};
use crate::collected_answer::CollectedAnswer;
use crate::dialect::Dialect;
use crate::features::FeatureFields;
use crate::openai::Usage;
use crate::response_encoder::{Finish, ParsedRequest, ResponseEncoder, ResponseMeta};
use crate::validation_error::ValidationError;
use crate::wire_error::WireError;
use crate::{body, checks, json, sse};

/// Parses the body of `POST /v1/completions`.
///
/// # Errors
/// As [`body::read`] and [`super::decode()`].
pub fn parse(
    body: &[u8],
    meta: &ResponseMeta,
) -> Result<ParsedRequest<CompletionEncoder>, ValidationError> {
    let (body, ignored): (CompletionBody, _) = body::read_noting(body, WITHOUT_EFFECT)?;
    let streamed = body.stream == Some(true);
    let count = body.stream_options.and_then(|options| options.include_usage) == Some(true);
    let answers = checks::answers(body.n)?;
    let mut fields = FeatureFields::default();
    let request = decode_naming(body, meta.id, &mut fields)?;
    let encoder = CompletionEncoder {
        id: format!("cmpl-{}", meta.name),
        created: meta.created,
        model: request.agent.0.clone(),
        logprobs: request.top_logprobs.is_some(),
        count,
        offsets: vec![0; answers as usize],
    };
    Ok(ParsedRequest { request, answers, streamed, fields, ignored, encoder })
}

/// Encoder of the response to one request.
#[derive(Clone, Debug)]
pub struct CompletionEncoder {
    id: String,
    created: u64,
    model: String,
    logprobs: bool,
    /// Whether a stream ends with token counts.
    count: bool,
    /// Length of each answer so far, in characters.
    offsets: Vec<usize>,
}

/// Response document or chunk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Completion<'a> {
    /// Unique id; `cmpl-…`.
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    /// `text_completion`.
    #[serde(borrow)]
    pub object: Cow<'a, str>,
    /// Start time, in seconds since 1970.
    pub created: u64,
    /// Agent name.
    #[serde(borrow)]
    pub model: Cow<'a, str>,
    /// Answers; none in the chunk with usage.
    #[serde(borrow)]
    pub choices: Vec<CompletionChoice<'a>>,
    /// Token counts of a document, and of a stream's last chunk if requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// Answer, or a part of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CompletionChoice<'a> {
    /// Continuation of the prompt.
    #[serde(borrow)]
    pub text: Cow<'a, str>,
    /// Reasoning, if any.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<Cow<'a, str>>,
    /// Index of the answer, from 0.
    pub index: u32,
    /// Log-probabilities, if requested.
    pub logprobs: Option<TextLogprobs>,
    /// `stop` or `length` at the end, else null.
    pub finish_reason: Option<Cow<'a, str>>,
}

impl CompletionEncoder {
    fn completion<'a>(
        &'a self,
        choices: Vec<CompletionChoice<'a>>,
        usage: Option<Usage>,
    ) -> Completion<'a> {
        Completion {
            id: Cow::Borrowed(&self.id),
            object: Cow::Borrowed("text_completion"),
            created: self.created,
            model: Cow::Borrowed(&self.model),
            choices,
            usage,
        }
    }
}

impl ResponseEncoder for CompletionEncoder {
    const STREAM: &'static str = sse::MEDIA_TYPE;

    fn open(&mut self, _prompt_tokens: u32, _out: &mut BytesMut) {}

    fn event(&mut self, choice: u32, event: &Event, out: &mut BytesMut) {
        let mut choice_part = CompletionChoice { index: choice, ..CompletionChoice::default() };
        match event {
            Event::Text { text, logprobs } => {
                choice_part.text = Cow::Borrowed(text);
                let offset = self.offsets.get_mut(choice as usize).filter(|_| self.logprobs);
                choice_part.logprobs = offset.map(|offset| TextLogprobs::new(logprobs, offset));
            }
            Event::Reasoning { text } => choice_part.reasoning_content = Some(Cow::Borrowed(text)),
            // Completions have no tools.
            Event::ToolCall { .. }
            | Event::ToolArguments { .. }
            | Event::Finished { .. }
            | Event::FormBroken { .. }
            | Event::Failed { .. } => return,
        }
        sse::write(out, &self.completion(vec![choice_part], None));
    }

    fn end(
        &mut self,
        choice: u32,
        finish: Finish,
        _usage: harmonic_types::Usage,
        out: &mut BytesMut,
    ) {
        let finish_reason = Some(finish.as_str().into());
        let last = CompletionChoice { index: choice, finish_reason, ..CompletionChoice::default() };
        sse::write(out, &self.completion(vec![last], None));
    }

    fn close(&mut self, usage: harmonic_types::Usage, out: &mut BytesMut) {
        if self.count {
            sse::write(out, &self.completion(Vec::new(), Some(usage.into())));
        }
        sse::write_done(out);
    }

    fn fail(&mut self, error: &WireError<'_>, out: &mut BytesMut) {
        sse::write_error(out, Dialect::OpenAi, error);
    }

    fn ping(&mut self, out: &mut BytesMut) {
        sse::write_ping(out);
    }

    fn document(
        self,
        answers: Vec<CollectedAnswer>,
        usage: harmonic_types::Usage,
        out: &mut BytesMut,
    ) {
        let choices = (0..).zip(answers).map(|(index, answer)| CompletionChoice {
            text: answer.text.into(),
            reasoning_content: (!answer.reasoning.is_empty()).then(|| answer.reasoning.into()),
            index,
            logprobs: self.logprobs.then(|| TextLogprobs::new(&answer.logprobs, &mut 0)),
            finish_reason: Some(answer.finish.as_str().into()),
        });
        let completion = self.completion(choices.collect(), Some(usage.into()));
        json::write(out, &completion);
    }
}
