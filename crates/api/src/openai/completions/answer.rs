//! From a body to what a server needs to answer it, and from an engine's events to chunks or one
//! document.
//!
//! Invariants: exactly one chunk of each answer has a finish reason; a stream that breaks off has
//! no `[DONE]`. Reasoning is kept apart, as in the chat.

use std::borrow::Cow;

use bytes::{BufMut, BytesMut};
use harmonic_types::Event;
use serde::{Deserialize, Serialize};

use super::decode::decode_naming;
use super::logprobs::TextLogprobs;
use super::request::{CompletionBody, WITHOUT_EFFECT};
use crate::answer::{Asked, Finish, ResponseEncoder, ResponseMeta};
use crate::dialect::Dialect;
use crate::fault::Fault;
use crate::features::FeatureFields;
use crate::gathered::CollectedAnswer;
use crate::invalid::Invalid;
use crate::openai::Usage;
use crate::{body, checks, sse};

/// What the body of `POST /v1/completions` asks for.
///
/// # Errors
/// As [`body::read`] and [`super::decode()`].
pub fn ask(body: &[u8], heading: &ResponseMeta) -> Result<Asked<CompletionAnswer>, Invalid> {
    let (body, ignored): (CompletionBody, _) = body::read_noting(body, WITHOUT_EFFECT)?;
    let streamed = body.stream == Some(true);
    let count = body.stream_options.and_then(|options| options.include_usage) == Some(true);
    let answers = checks::answers(body.n)?;
    let mut fields = FeatureFields::default();
    let request = decode_naming(body, heading.id, &mut fields)?;
    let writer = CompletionAnswer {
        id: format!("cmpl-{}", heading.name),
        created: heading.created,
        model: request.agent.0.clone(),
        logprobs: request.top_logprobs.is_some(),
        count,
        offsets: vec![0; answers as usize],
    };
    Ok(Asked { request, answers, streamed, fields, ignored, writer })
}

/// Writes the answers to one request.
#[derive(Clone, Debug)]
pub struct CompletionAnswer {
    id: String,
    created: u64,
    model: String,
    logprobs: bool,
    /// Whether a stream ends with token counts.
    count: bool,
    /// How long each answer is, in characters.
    offsets: Vec<usize>,
}

/// A whole answer, or a part of one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Completion<'a> {
    /// Unique; `cmpl-…`.
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    /// `text_completion`.
    #[serde(borrow)]
    pub object: Cow<'a, str>,
    /// Seconds since 1970 at which the answer began.
    pub created: u64,
    /// The agent.
    #[serde(borrow)]
    pub model: Cow<'a, str>,
    /// The answers; none in the chunk that carries usage.
    #[serde(borrow)]
    pub choices: Vec<CompletionChoice<'a>>,
    /// Token counts: of a document, and of a stream's last chunk when asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// One answer, or a part of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CompletionChoice<'a> {
    /// How the prompt goes on.
    #[serde(borrow)]
    pub text: Cow<'a, str>,
    /// What the model thought, when it did.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<Cow<'a, str>>,
    /// Counts from 0.
    pub index: u32,
    /// Log-probabilities, when asked for.
    pub logprobs: Option<TextLogprobs>,
    /// `stop` or `length` at the end, else null.
    pub finish_reason: Option<Cow<'a, str>>,
}

impl CompletionAnswer {
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

impl ResponseEncoder for CompletionAnswer {
    const STREAM: &'static str = sse::MEDIA_TYPE;

    fn open(&mut self, _prompt_tokens: u32, _out: &mut BytesMut) {}

    fn event(&mut self, choice: u32, event: &Event, out: &mut BytesMut) {
        let mut said = CompletionChoice { index: choice, ..CompletionChoice::default() };
        match event {
            Event::Text { text, logprobs } => {
                said.text = Cow::Borrowed(text);
                let offset = self.offsets.get_mut(choice as usize).filter(|_| self.logprobs);
                said.logprobs = offset.map(|offset| TextLogprobs::new(logprobs, offset));
            }
            Event::Reasoning { text } => said.reasoning_content = Some(Cow::Borrowed(text)),
            // A text has no tools.
            Event::ToolCall { .. }
            | Event::ToolArguments { .. }
            | Event::Finished { .. }
            | Event::FormBroken { .. }
            | Event::Failed { .. } => return,
        }
        sse::write(out, &self.completion(vec![said], None));
    }

    fn end(
        &mut self,
        choice: u32,
        finish: Finish,
        _usage: harmonic_types::Usage,
        out: &mut BytesMut,
    ) {
        let finish_reason = Some(finish.word().into());
        let last = CompletionChoice { index: choice, finish_reason, ..CompletionChoice::default() };
        sse::write(out, &self.completion(vec![last], None));
    }

    fn close(&mut self, usage: harmonic_types::Usage, out: &mut BytesMut) {
        if self.count {
            sse::write(out, &self.completion(Vec::new(), Some(usage.into())));
        }
        sse::write_done(out);
    }

    fn fail(&mut self, fault: &Fault<'_>, out: &mut BytesMut) {
        sse::write_fault(out, Dialect::OpenAi, fault);
    }

    fn ping(&mut self, out: &mut BytesMut) {
        sse::write_ping(out);
    }

    fn whole(
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
            finish_reason: Some(answer.finish.word().into()),
        });
        let completion = self.completion(choices.collect(), Some(usage.into()));
        serde_json::to_writer(out.writer(), &completion)
            .expect("wire types are strings, numbers, lists and structs");
    }
}
