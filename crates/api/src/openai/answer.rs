//! Encoding of an engine's events as chunks or as one response.
//!
//! Invariants: the first chunk of each answer has the role and an empty text; exactly one has a
//! finish reason; an aborted stream has no `[DONE]`.

use std::borrow::Cow;

use bytes::BytesMut;
use harmonic_types::{Event, TokenLogprob};

use super::chunk::{CallDelta, CalledDelta, ChatChunk, ChunkChoice, Delta};
use super::response::{ChatResponse, Choice, Logprobs, ResponseMessage, Usage};
use super::tools::FUNCTION;
use crate::collected_answer::CollectedAnswer;
use crate::dialect::Dialect;
use crate::response_encoder::{Finish, ResponseEncoder};
use crate::wire_error::WireError;
use crate::{json, sse};

/// Encoder of the response to one chat request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatEncoder {
    /// Unique id; `chatcmpl-…`.
    pub id: String,
    /// Start time, in seconds since 1970.
    pub created: u64,
    /// Agent name.
    pub model: String,
    /// Number of answers.
    pub answers: u32,
    /// Whether log-probabilities are included.
    pub logprobs: bool,
    /// Whether a stream ends with token counts.
    pub count: bool,
}

impl ChatEncoder {
    fn chunk<'a>(&'a self, choices: Vec<ChunkChoice<'a>>) -> ChatChunk<'a> {
        ChatChunk {
            id: Cow::Borrowed(&self.id),
            object: Cow::Borrowed("chat.completion.chunk"),
            created: self.created,
            model: Cow::Borrowed(&self.model),
            choices,
            usage: None,
        }
    }

    fn write(&self, choice: ChunkChoice<'_>, out: &mut BytesMut) {
        sse::write(out, &self.chunk(vec![choice]));
    }

    fn choice(&self, index: u32, answer: CollectedAnswer) -> Choice {
        let calls = answer.calls.into_iter().map(Into::into).collect::<Vec<_>>();
        Choice {
            index,
            message: ResponseMessage {
                role: "assistant".to_owned(),
                content: (calls.is_empty() || !answer.text.is_empty()).then_some(answer.text),
                reasoning_content: (!answer.reasoning.is_empty()).then_some(answer.reasoning),
                tool_calls: (!calls.is_empty()).then_some(calls),
            },
            logprobs: self.logprobs.then(|| entries(&answer.logprobs)),
            finish_reason: Some(answer.finish.as_str().to_owned()),
        }
    }
}

fn entries(logprobs: &[TokenLogprob]) -> Logprobs {
    Logprobs { content: logprobs.iter().map(Into::into).collect() }
}

/// Delta of an event; `None` for events that end an answer.
fn delta(event: &Event) -> Option<Delta<'_>> {
    let call = |call| Some(Delta { tool_calls: Some(vec![call]), ..Delta::default() });
    match event {
        Event::Text { text, .. } => {
            Some(Delta { content: Some(Cow::Borrowed(text)), ..Delta::default() })
        }
        Event::Reasoning { text } => {
            Some(Delta { reasoning_content: Some(Cow::Borrowed(text)), ..Delta::default() })
        }
        Event::ToolCall { index, id, name } => call(CallDelta {
            index: *index,
            id: Some(Cow::Borrowed(id)),
            kind: Some(Cow::Borrowed(FUNCTION)),
            // With empty arguments, as OpenAI sends it: clients concatenate them unconditionally.
            function: CalledDelta { name: Some(Cow::Borrowed(name)), arguments: Some("".into()) },
        }),
        Event::ToolArguments { index, text } => call(CallDelta {
            index: *index,
            function: CalledDelta { name: None, arguments: Some(Cow::Borrowed(text)) },
            ..CallDelta::default()
        }),
        Event::Finished { .. } | Event::FormBroken { .. } | Event::Failed { .. } => None,
    }
}

impl ResponseEncoder for ChatEncoder {
    const STREAM: &'static str = sse::MEDIA_TYPE;

    fn open(&mut self, _prompt_tokens: u32, out: &mut BytesMut) {
        for index in 0..self.answers {
            // With an empty text, as OpenAI sends it: clients concatenate `content`
            // unconditionally.
            let delta = Delta {
                role: Some("assistant".into()),
                content: Some("".into()),
                ..Delta::default()
            };
            self.write(ChunkChoice { index, delta, ..ChunkChoice::default() }, out);
        }
    }

    fn event(&mut self, choice: u32, event: &Event, out: &mut BytesMut) {
        let Some(delta) = delta(event) else { return };
        let logprobs = match event {
            Event::Text { logprobs, .. } if self.logprobs => Some(entries(logprobs)),
            _ => None,
        };
        self.write(ChunkChoice { index: choice, delta, logprobs, finish_reason: None }, out);
    }

    fn end(
        &mut self,
        choice: u32,
        finish: Finish,
        _usage: harmonic_types::Usage,
        out: &mut BytesMut,
    ) {
        let finish_reason = Some(finish.as_str().into());
        self.write(ChunkChoice { index: choice, finish_reason, ..ChunkChoice::default() }, out);
    }

    fn close(&mut self, usage: harmonic_types::Usage, out: &mut BytesMut) {
        if self.count {
            sse::write(out, &ChatChunk { usage: Some(usage.into()), ..self.chunk(Vec::new()) });
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
        let choices = (0..).zip(answers).map(|(index, answer)| self.choice(index, answer));
        let response = ChatResponse {
            choices: choices.collect(),
            id: self.id,
            object: "chat.completion".to_owned(),
            created: self.created,
            model: self.model,
            usage: Usage::from(usage),
        };
        json::write(out, &response);
    }
}

#[cfg(test)]
mod tests;
