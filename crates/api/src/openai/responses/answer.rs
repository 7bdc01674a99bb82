//! Encoding of an engine's events as the dialect's sequence of events or as one response.
//!
//! Invariants: events are numbered from 0; items are numbered from 0, each is added and done, and
//! at most one is open; the last event contains the complete response.

use bytes::BytesMut;
use harmonic_types::{Event, TokenLogprob, Usage};

use super::item::Status;
use super::response::{Incomplete, Response, ResponseError, ResponseUsage};
use crate::collected_answer::CollectedAnswer;
use crate::openai::TokenEntry;
use crate::response_encoder::{Finish, ResponseEncoder};
use crate::wire_error::WireError;
use crate::{json, sse};

mod background;
mod open_item;
mod stream_event;

use open_item::{Kind, OpenItem};
use stream_event::{NumberedEvent, StreamEvent};

/// Encoder of the response to one request.
#[derive(Clone, Debug)]
pub struct ResponsesEncoder {
    /// Base of the item ids.
    name: String,
    /// The response so far.
    response: Response,
    logprobs: bool,
    /// Open item; completed ones are in the response.
    open: Option<OpenItem>,
    /// Number of events so far.
    events: u64,
    /// Number of reasoning tokens so far.
    reasoned: u32,
}

impl ResponsesEncoder {
    pub(super) fn new(name: String, response: Response, logprobs: bool) -> Self {
        Self { name, response, logprobs, open: None, events: 0, reasoned: 0 }
    }

    fn entries(&self, logprobs: &[TokenLogprob]) -> Vec<TokenEntry> {
        if self.logprobs { logprobs.iter().map(Into::into).collect() } else { Vec::new() }
    }

    fn write(&mut self, stream_event: &StreamEvent<'_>, out: &mut BytesMut) {
        let sequence_number = self.events;
        self.events += 1;
        sse::write_named(
            out,
            stream_event.name(),
            &NumberedEvent { stream_event, sequence_number },
        );
    }

    /// Writes an event with the current response.
    fn write_status(
        &mut self,
        event: impl FnOnce(&Response) -> StreamEvent<'_>,
        out: &mut BytesMut,
    ) {
        let response = self.response.clone();
        self.write(&event(&response), out);
    }

    /// Opens an item, unless one of its kind is open.
    fn begin_item(&mut self, kind: Kind, out: &mut BytesMut) {
        if self.open.as_ref().is_some_and(|open| open.kind == kind) {
            return;
        }
        self.end_item(Status::Completed, out);
        let open = OpenItem::new(kind, &self.name, self.response.output.len());
        let item = open.item(Status::InProgress);
        self.write(&StreamEvent::ItemAdded { output_index: open.index, item: &item }, out);
        if let Some(part) = open.part() {
            let stream_event = StreamEvent::PartAdded {
                item_id: &open.id,
                output_index: open.index,
                content_index: 0,
                part,
            };
            self.write(&stream_event, out);
        }
        self.open = Some(open);
    }

    /// Completes the open item.
    fn end_item(&mut self, status: Status, out: &mut BytesMut) {
        let Some(mut open) = self.open.take() else { return };
        open.complete = true;
        let (item_id, output_index) = (open.id.as_str(), open.index);
        let done = match &open.kind {
            Kind::Message => StreamEvent::TextDone {
                item_id,
                output_index,
                content_index: 0,
                text: &open.text,
                logprobs: &open.logprobs,
            },
            Kind::Reasoning => StreamEvent::ReasoningDone {
                item_id,
                output_index,
                content_index: 0,
                text: &open.text,
            },
            Kind::Call { name, .. } => {
                StreamEvent::ArgumentsDone { item_id, output_index, name, arguments: &open.text }
            }
        };
        self.write(&done, out);
        if let Some(part) = open.part() {
            self.write(
                &StreamEvent::PartDone { item_id, output_index, content_index: 0, part },
                out,
            );
        }
        let item = open.item(status);
        self.write(&StreamEvent::ItemDone { output_index, item: &item }, out);
        self.response.output.push(item);
    }

    /// Sets status and usage of the response.
    fn finish(&mut self, finish: Finish, usage: Usage) {
        self.response.status = status(finish);
        self.response.usage = Some(ResponseUsage::new(usage, self.reasoned));
        if finish == Finish::Length {
            let reason = "max_output_tokens".to_owned();
            self.response.incomplete_details = Some(Incomplete { reason });
        }
    }
}

fn status(finish: Finish) -> Status {
    match finish {
        Finish::Stop | Finish::StopString { .. } | Finish::ToolCalls => Status::Completed,
        Finish::Length => Status::Incomplete,
    }
}

impl ResponseEncoder for ResponsesEncoder {
    const STREAM: &'static str = sse::MEDIA_TYPE;

    fn open(&mut self, _prompt_tokens: u32, out: &mut BytesMut) {
        self.response.status = Status::InProgress;
        // One in the background was created before.
        if self.events == 0 {
            self.write_status(|response| StreamEvent::Created { response }, out);
        }
        self.write_status(|response| StreamEvent::InProgress { response }, out);
    }

    fn event(&mut self, _choice: u32, event: &Event, out: &mut BytesMut) {
        // Engines emit one reasoning event per token.
        self.reasoned += u32::from(matches!(event, Event::Reasoning { .. }));
        let (kind, text, logprobs) = match event {
            Event::Text { text, logprobs } => (Kind::Message, text, self.entries(logprobs)),
            Event::Reasoning { text } => (Kind::Reasoning, text, Vec::new()),
            Event::ToolCall { id, name, .. } => {
                return self.begin_item(Kind::Call { id: id.clone(), name: name.clone() }, out);
            }
            Event::ToolArguments { text, .. } => {
                // Calls do not overlap, so it belongs to the open item.
                let Some(open) = &self.open else { return };
                (open.kind.clone(), text, Vec::new())
            }
            Event::Finished { .. } | Event::FormBroken { .. } | Event::Failed { .. } => return,
        };
        if text.is_empty() && logprobs.is_empty() {
            return;
        }
        self.begin_item(kind, out);
        let Some(mut open) = self.open.take() else { return };
        let (item_id, output_index) = (open.id.as_str(), open.index);
        let stream_event = match &open.kind {
            Kind::Message => StreamEvent::TextDelta {
                item_id,
                output_index,
                content_index: 0,
                delta: text,
                logprobs: &logprobs,
            },
            Kind::Reasoning => {
                StreamEvent::ReasoningDelta { item_id, output_index, content_index: 0, delta: text }
            }
            Kind::Call { .. } => StreamEvent::ArgumentsDelta { item_id, output_index, delta: text },
        };
        self.write(&stream_event, out);
        open.text.push_str(text);
        open.logprobs.extend(logprobs);
        self.open = Some(open);
    }

    fn end(&mut self, _choice: u32, finish: Finish, usage: Usage, out: &mut BytesMut) {
        self.end_item(status(finish), out);
        self.finish(finish, usage);
    }

    fn close(&mut self, _usage: Usage, out: &mut BytesMut) {
        if self.response.status == Status::Completed {
            self.write_status(|response| StreamEvent::Completed { response }, out);
        } else {
            self.write_status(|response| StreamEvent::Incomplete { response }, out);
        }
    }

    fn fail(&mut self, error: &WireError<'_>, out: &mut BytesMut) {
        self.end_item(Status::Incomplete, out);
        self.response.status = Status::Failed;
        self.response.error = Some(ResponseError {
            code: "server_error".to_owned(),
            message: error.message.clone().into_owned(),
        });
        self.write_status(|response| StreamEvent::Failed { response }, out);
    }

    fn ping(&mut self, out: &mut BytesMut) {
        sse::write_ping(out);
    }

    fn document(mut self, answers: Vec<CollectedAnswer>, usage: Usage, out: &mut BytesMut) {
        for answer in answers {
            self.reasoned = answer.reasoning_tokens;
            self.finish(answer.finish, usage);
            let logprobs = self.entries(&answer.logprobs);
            let calls = answer.calls.into_iter().map(|call| {
                (Kind::Call { id: call.id, name: call.name }, call.arguments, Vec::new())
            });
            let parts = [
                (Kind::Reasoning, answer.reasoning, Vec::new()),
                (Kind::Message, answer.text, logprobs),
            ];
            let parts = parts.into_iter().filter(|(_, text, _)| !text.is_empty());
            let all: Vec<_> = parts.chain(calls).collect();
            let last = all.len().saturating_sub(1);
            for (index, (kind, text, logprobs)) in all.into_iter().enumerate() {
                let status = if index == last { self.response.status } else { Status::Completed };
                let open = OpenItem {
                    text,
                    logprobs,
                    complete: true,
                    ..OpenItem::new(kind, &self.name, index)
                };
                self.response.output.push(open.item(status));
            }
        }
        json::write(out, &self.response);
    }
}

#[cfg(test)]
mod tests;
