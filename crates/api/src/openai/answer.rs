//! From an engine's events to what a client reads: chunks, or one response.
//!
//! Invariants: the first chunk names the role and has no text; exactly one chunk has a finish
//! reason. The `[DONE]` at the end of a stream is framing ([`crate::sse`]), not an answer.

use std::borrow::Cow;

use harmonic_types::{Event, FinishReason, TokenLogprob};

use super::chunk::{ChatChunk, ChunkChoice, Delta};
use super::response::{ChatResponse, Choice, Logprobs, ResponseMessage, Usage};

/// What all chunks of one answer share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Unique; `chatcmpl-…`.
    pub id: String,
    /// Seconds since 1970 at which the answer began.
    pub created: u64,
    /// The agent.
    pub model: String,
    /// Whether log-probabilities were asked for.
    pub logprobs: bool,
}

impl Answer {
    /// The chunk that opens a stream.
    pub fn opening(&self) -> ChatChunk<'_> {
        // With an empty text, as OpenAI sends it: clients add up `content` without looking.
        self.with(Delta {
            role: Some("assistant".into()),
            content: Some("".into()),
            reasoning_content: None,
        })
    }

    /// The chunk of one delta; `None` for the events that end an answer.
    pub fn delta<'a>(&'a self, event: &'a Event) -> Option<ChatChunk<'a>> {
        match event {
            Event::Text { text, logprobs } => {
                let mut chunk =
                    self.with(Delta { content: Some(Cow::Borrowed(text)), ..Delta::default() });
                if self.logprobs {
                    chunk.choices[0].logprobs = Some(entries(logprobs));
                }
                Some(chunk)
            }
            Event::Reasoning { text } => {
                Some(self.with(Delta {
                    reasoning_content: Some(Cow::Borrowed(text)),
                    ..Delta::default()
                }))
            }
            Event::ToolCall { .. }
            | Event::ToolArguments { .. }
            | Event::Finished { .. }
            | Event::Failed { .. } => None,
        }
    }

    /// The chunk that says why the answer ended.
    pub fn finish(&self, reason: &'static str) -> ChatChunk<'_> {
        let mut chunk = self.with(Delta::default());
        chunk.choices[0].finish_reason = Some(reason.into());
        chunk
    }

    /// The chunk of token counts: no choice.
    pub fn usage(&self, usage: harmonic_types::Usage) -> ChatChunk<'_> {
        ChatChunk { choices: Vec::new(), usage: Some(usage.into()), ..self.with(Delta::default()) }
    }

    fn with<'a>(&'a self, delta: Delta<'a>) -> ChatChunk<'a> {
        ChatChunk {
            id: Cow::Borrowed(&self.id),
            object: Cow::Borrowed("chat.completion.chunk"),
            created: self.created,
            model: Cow::Borrowed(&self.model),
            choices: vec![ChunkChoice { delta, ..ChunkChoice::default() }],
            usage: None,
        }
    }
}

/// The dialect's word for an end; `None` for [`FinishReason::Cancelled`], which is no answer.
pub fn finish_word(reason: FinishReason) -> Option<&'static str> {
    match reason {
        FinishReason::Stop => Some("stop"),
        FinishReason::Length => Some("length"),
        FinishReason::ToolCalls => Some("tool_calls"),
        FinishReason::Cancelled => None,
    }
}

fn entries(logprobs: &[TokenLogprob]) -> Logprobs {
    Logprobs { content: logprobs.iter().map(Into::into).collect() }
}

/// An answer that is gathered before it is sent.
#[derive(Clone, Debug, Default)]
pub struct Collected {
    text: String,
    reasoning: String,
    logprobs: Logprobs,
}

impl Collected {
    /// Takes a delta; events that end an answer change nothing.
    pub fn push(&mut self, event: &Event) {
        match event {
            Event::Text { text, logprobs } => {
                self.text.push_str(text);
                self.logprobs.content.extend(logprobs.iter().map(Into::into));
            }
            Event::Reasoning { text } => self.reasoning.push_str(text),
            Event::ToolCall { .. }
            | Event::ToolArguments { .. }
            | Event::Finished { .. }
            | Event::Failed { .. } => {}
        }
    }

    /// The whole answer.
    pub fn finish(
        self,
        answer: Answer,
        reason: &'static str,
        usage: harmonic_types::Usage,
    ) -> ChatResponse {
        ChatResponse {
            id: answer.id,
            object: "chat.completion".to_owned(),
            created: answer.created,
            model: answer.model,
            choices: vec![Choice {
                index: 0,
                message: ResponseMessage {
                    role: "assistant".to_owned(),
                    content: Some(self.text),
                    reasoning_content: (!self.reasoning.is_empty()).then_some(self.reasoning),
                },
                logprobs: answer.logprobs.then_some(self.logprobs),
                finish_reason: Some(reason.to_owned()),
            }],
            usage: Usage::from(usage),
        }
    }
}

#[cfg(test)]
mod tests;
