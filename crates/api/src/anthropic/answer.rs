//! Encoding of an engine's events as the dialect's sequence of events or as one message.
//!
//! Invariants: blocks are numbered from 0, each begins and ends, and at most one is open; an
//! aborted stream ends with `error` instead of `message_stop`.

use bytes::BytesMut;
use harmonic_types::{Event, Usage};
use serde::Serialize;

use super::blocks::Block;
use super::message::{Counts, Message, stop_reason};
use crate::collected_answer::CollectedAnswer;
use crate::dialect::Dialect;
use crate::response_encoder::{Finish, ResponseEncoder};
use crate::wire_error::WireError;
use crate::{json, sse, tools};

/// Encoder of the response to one request.
#[derive(Clone, Debug)]
pub struct MessageEncoder {
    id: String,
    model: String,
    /// Stop strings of the request.
    stop_strings: Vec<String>,
    /// Whether `message_start` was written.
    started: bool,
    /// Number of started blocks.
    blocks: u32,
    open: Option<Kind>,
}

/// Kind of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    /// Tool call with this index.
    Call(u32),
}

/// Stream event; its name is its type.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum StreamEvent<'a> {
    MessageStart { message: &'a Message },
    ContentBlockStart { index: u32, content_block: &'a Block },
    ContentBlockDelta { index: u32, delta: Delta<'a> },
    ContentBlockStop { index: u32 },
    MessageDelta { delta: MessageEnd<'a>, usage: Counts },
    MessageStop,
    Ping,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(clippy::enum_variant_names, reason = "these are the dialect's names")]
enum Delta<'a> {
    TextDelta { text: &'a str },
    ThinkingDelta { thinking: &'a str },
    InputJsonDelta { partial_json: &'a str },
}

#[derive(Serialize)]
struct MessageEnd<'a> {
    stop_reason: &'static str,
    stop_sequence: Option<&'a str>,
}

impl StreamEvent<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::MessageStart { .. } => "message_start",
            Self::ContentBlockStart { .. } => "content_block_start",
            Self::ContentBlockDelta { .. } => "content_block_delta",
            Self::ContentBlockStop { .. } => "content_block_stop",
            Self::MessageDelta { .. } => "message_delta",
            Self::MessageStop => "message_stop",
            Self::Ping => "ping",
        }
    }

    fn write(&self, out: &mut BytesMut) {
        sse::write_named(out, self.name(), self);
    }
}

impl MessageEncoder {
    pub(super) fn new(id: String, model: String, stop_strings: Vec<String>) -> Self {
        Self { id, model, stop_strings, started: false, blocks: 0, open: None }
    }

    fn message(&self, usage: Counts) -> Message {
        Message {
            id: self.id.clone(),
            kind: "message".to_owned(),
            role: "assistant".to_owned(),
            model: self.model.clone(),
            content: Vec::new(),
            stop_reason: None,
            stop_sequence: None,
            usage,
        }
    }

    /// Stop string of `finish`.
    fn stop_sequence(&self, finish: Finish) -> Option<&str> {
        let Finish::StopString { index } = finish else { return None };
        self.stop_strings.get(usize::try_from(index).ok()?).map(String::as_str)
    }

    /// Ends the open block.
    fn end_block(&mut self, out: &mut BytesMut) {
        if self.open.take().is_some() {
            StreamEvent::ContentBlockStop { index: self.blocks - 1 }.write(out);
        }
    }

    /// Starts a block, unless one of its kind is open.
    fn begin_block(&mut self, kind: Kind, block: impl FnOnce() -> Block, out: &mut BytesMut) {
        if self.open == Some(kind) {
            return;
        }
        self.end_block(out);
        StreamEvent::ContentBlockStart { index: self.blocks, content_block: &block() }.write(out);
        self.blocks += 1;
        self.open = Some(kind);
    }

    fn write_delta(&self, delta: Delta<'_>, out: &mut BytesMut) {
        StreamEvent::ContentBlockDelta { index: self.blocks.saturating_sub(1), delta }.write(out);
    }
}

impl ResponseEncoder for MessageEncoder {
    const STREAM: &'static str = sse::MEDIA_TYPE;

    fn open(&mut self, prompt_tokens: u32, out: &mut BytesMut) {
        self.started = true;
        let usage = Counts { input_tokens: prompt_tokens, ..Counts::default() };
        StreamEvent::MessageStart { message: &self.message(usage) }.write(out);
    }

    fn event(&mut self, _choice: u32, event: &Event, out: &mut BytesMut) {
        match event {
            Event::Text { text, .. } => {
                if !text.is_empty() {
                    self.begin_block(Kind::Text, || Block::Text { text: String::new() }, out);
                    self.write_delta(Delta::TextDelta { text }, out);
                }
            }
            Event::Reasoning { text } => {
                let block =
                    || Block::Thinking { thinking: String::new(), signature: String::new() };
                self.begin_block(Kind::Thinking, block, out);
                self.write_delta(Delta::ThinkingDelta { thinking: text }, out);
            }
            Event::ToolCall { index, id, name } => {
                let block = || Block::ToolUse {
                    id: id.clone(),
                    name: name.clone(),
                    input: serde_json::Map::new(),
                };
                self.begin_block(Kind::Call(*index), block, out);
            }
            Event::ToolArguments { text, .. } => {
                self.write_delta(Delta::InputJsonDelta { partial_json: text }, out);
            }
            Event::Finished { .. } | Event::FormBroken { .. } | Event::Failed { .. } => {}
        }
    }

    fn end(&mut self, _choice: u32, finish: Finish, usage: Usage, out: &mut BytesMut) {
        self.end_block(out);
        let stop_sequence = self.stop_sequence(finish);
        let delta = MessageEnd { stop_reason: stop_reason(finish), stop_sequence };
        StreamEvent::MessageDelta { delta, usage: usage.into() }.write(out);
    }

    fn close(&mut self, _usage: Usage, out: &mut BytesMut) {
        StreamEvent::MessageStop.write(out);
    }

    fn fail(&mut self, error: &WireError<'_>, out: &mut BytesMut) {
        sse::write_name(out, "error");
        sse::write_error(out, Dialect::Anthropic, error);
    }

    fn ping(&mut self, out: &mut BytesMut) {
        // No event may precede `message_start`.
        if self.started { StreamEvent::Ping.write(out) } else { sse::write_ping(out) }
    }

    fn document(self, answers: Vec<CollectedAnswer>, usage: Usage, out: &mut BytesMut) {
        let mut message = self.message(usage.into());
        for answer in answers {
            message.stop_reason = Some(stop_reason(answer.finish).to_owned());
            message.stop_sequence = self.stop_sequence(answer.finish).map(str::to_owned);
            let CollectedAnswer { text, reasoning: thinking, calls, .. } = answer;
            let thinking = (!thinking.is_empty())
                .then(|| Block::Thinking { thinking, signature: String::new() });
            let text = (!text.is_empty()).then_some(Block::Text { text });
            // A tool call truncated by the token limit is omitted.
            let calls = calls.into_iter().filter_map(|call| {
                let input = tools::object(&call.arguments)?;
                Some(Block::ToolUse { id: call.id, name: call.name, input })
            });
            message.content.extend(thinking.into_iter().chain(text).chain(calls));
        }
        json::write(out, &message);
    }
}

#[cfg(test)]
mod tests;
