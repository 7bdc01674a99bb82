//! From an engine's events to what a client reads: chunks, or one response.
//!
//! Invariants: the first chunk of each answer names the role and has no text; exactly one has a
//! finish reason; a stream that breaks off has no `[DONE]`.

use std::borrow::Cow;

use bytes::{BufMut, BytesMut};
use harmonic_types::{Event, TokenLogprob};

use super::chunk::{CallDelta, CalledDelta, ChatChunk, ChunkChoice, Delta};
use super::response::{ChatResponse, Choice, Logprobs, ResponseMessage, Usage};
use super::tools::FUNCTION;
use crate::answer::{Finish, ResponseEncoder};
use crate::dialect::Dialect;
use crate::fault::Fault;
use crate::gathered::CollectedAnswer;
use crate::sse;

/// Writes the answers to one chat request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatAnswer {
    /// Unique; `chatcmpl-…`.
    pub id: String,
    /// Seconds since 1970 at which the answer began.
    pub created: u64,
    /// The agent.
    pub model: String,
    /// How many answers were asked for.
    pub answers: u32,
    /// Whether log-probabilities were asked for.
    pub logprobs: bool,
    /// Whether a stream ends with token counts.
    pub count: bool,
}

impl ChatAnswer {
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
            finish_reason: Some(answer.finish.word().to_owned()),
        }
    }
}

fn entries(logprobs: &[TokenLogprob]) -> Logprobs {
    Logprobs { content: logprobs.iter().map(Into::into).collect() }
}

/// What is new in an event; `None` for the events that end an answer.
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
            // With empty arguments, as OpenAI sends it: clients add them up without looking.
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

impl ResponseEncoder for ChatAnswer {
    const STREAM: &'static str = sse::MEDIA_TYPE;

    fn open(&mut self, _prompt_tokens: u32, out: &mut BytesMut) {
        for index in 0..self.answers {
            // With an empty text, as OpenAI sends it: clients add up `content` without looking.
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
        let finish_reason = Some(finish.word().into());
        self.write(ChunkChoice { index: choice, finish_reason, ..ChunkChoice::default() }, out);
    }

    fn close(&mut self, usage: harmonic_types::Usage, out: &mut BytesMut) {
        if self.count {
            sse::write(out, &ChatChunk { usage: Some(usage.into()), ..self.chunk(Vec::new()) });
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
        let choices = (0..).zip(answers).map(|(index, answer)| self.choice(index, answer));
        let response = ChatResponse {
            choices: choices.collect(),
            id: self.id,
            object: "chat.completion".to_owned(),
            created: self.created,
            model: self.model,
            usage: Usage::from(usage),
        };
        serde_json::to_writer(out.writer(), &response)
            .expect("wire types are strings, numbers, lists and structs");
    }
}

#[cfg(test)]
mod tests;
