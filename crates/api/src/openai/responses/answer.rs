//! From an engine's events to what a client reads: the dialect's sequence of events, or one
//! response.
//!
//! Invariants: events are numbered from 0; items are numbered from 0, each is added and done, and
//! none is open while another is; the last event has the whole response.

use bytes::{BufMut, BytesMut};
use harmonic_types::{Event, TokenLogprob, Usage};

use super::item::Status;
use super::response::{Incomplete, Response, ResponseError, ResponseUsage};
use crate::answer::{Finish, ResponseEncoder};
use crate::fault::Fault;
use crate::gathered::CollectedAnswer;
use crate::openai::TokenEntry;
use crate::sse;

mod open;
mod said;

use open::{Kind, Open};
use said::{Numbered, Said};

/// Writes the answer to one request.
#[derive(Clone, Debug)]
pub struct ResponseAnswer {
    /// What the names of items are made of.
    name: String,
    /// As far as it is.
    response: Response,
    logprobs: bool,
    /// The item that is still coming; the others are in the response.
    open: Option<Open>,
    /// Events so far.
    events: u64,
    /// Tokens of reasoning so far.
    reasoned: u32,
}

impl ResponseAnswer {
    pub(super) fn new(name: String, response: Response, logprobs: bool) -> Self {
        Self { name, response, logprobs, open: None, events: 0, reasoned: 0 }
    }

    fn entries(&self, logprobs: &[TokenLogprob]) -> Vec<TokenEntry> {
        if self.logprobs { logprobs.iter().map(Into::into).collect() } else { Vec::new() }
    }

    fn write(&mut self, said: &Said<'_>, out: &mut BytesMut) {
        let sequence_number = self.events;
        self.events += 1;
        sse::write_named(out, said.name(), &Numbered { said, sequence_number });
    }

    /// Says how far the response is.
    fn tell(&mut self, said: impl FnOnce(&Response) -> Said<'_>, out: &mut BytesMut) {
        let response = self.response.clone();
        self.write(&said(&response), out);
    }

    /// Opens an item unless one of its kind is open.
    fn begin(&mut self, kind: Kind, out: &mut BytesMut) {
        if self.open.as_ref().is_some_and(|open| open.kind == kind) {
            return;
        }
        self.shut(Status::Completed, out);
        let open = Open::new(kind, &self.name, self.response.output.len());
        let item = open.item(Status::InProgress);
        self.write(&Said::ItemAdded { output_index: open.index, item: &item }, out);
        if let Some(part) = open.part() {
            let said = Said::PartAdded {
                item_id: &open.id,
                output_index: open.index,
                content_index: 0,
                part,
            };
            self.write(&said, out);
        }
        self.open = Some(open);
    }

    /// Ends the item that is open.
    fn shut(&mut self, status: Status, out: &mut BytesMut) {
        let Some(mut open) = self.open.take() else { return };
        open.complete = true;
        let (item_id, output_index) = (open.id.as_str(), open.index);
        let done = match &open.kind {
            Kind::Message => Said::TextDone {
                item_id,
                output_index,
                content_index: 0,
                text: &open.text,
                logprobs: &open.logprobs,
            },
            Kind::Reasoning => {
                Said::ReasoningDone { item_id, output_index, content_index: 0, text: &open.text }
            }
            Kind::Call { name, .. } => {
                Said::ArgumentsDone { item_id, output_index, name, arguments: &open.text }
            }
        };
        self.write(&done, out);
        if let Some(part) = open.part() {
            self.write(&Said::PartDone { item_id, output_index, content_index: 0, part }, out);
        }
        let item = open.item(status);
        self.write(&Said::ItemDone { output_index, item: &item }, out);
        self.response.output.push(item);
    }

    /// Puts the end into the response.
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

impl ResponseEncoder for ResponseAnswer {
    const STREAM: &'static str = sse::MEDIA_TYPE;

    fn open(&mut self, _prompt_tokens: u32, out: &mut BytesMut) {
        self.tell(|response| Said::Created { response }, out);
        self.tell(|response| Said::InProgress { response }, out);
    }

    fn event(&mut self, _choice: u32, event: &Event, out: &mut BytesMut) {
        // An engine tells reasoning token by token.
        self.reasoned += u32::from(matches!(event, Event::Reasoning { .. }));
        let (kind, text, logprobs) = match event {
            Event::Text { text, logprobs } => (Kind::Message, text, self.entries(logprobs)),
            Event::Reasoning { text } => (Kind::Reasoning, text, Vec::new()),
            Event::ToolCall { id, name, .. } => {
                return self.begin(Kind::Call { id: id.clone(), name: name.clone() }, out);
            }
            Event::ToolArguments { text, .. } => {
                // Calls do not overlap: it is the open one's.
                let Some(open) = &self.open else { return };
                (open.kind.clone(), text, Vec::new())
            }
            Event::Finished { .. } | Event::FormBroken { .. } | Event::Failed { .. } => return,
        };
        if text.is_empty() && logprobs.is_empty() {
            return;
        }
        self.begin(kind, out);
        let Some(mut open) = self.open.take() else { return };
        let (item_id, output_index) = (open.id.as_str(), open.index);
        let said = match &open.kind {
            Kind::Message => Said::TextDelta {
                item_id,
                output_index,
                content_index: 0,
                delta: text,
                logprobs: &logprobs,
            },
            Kind::Reasoning => {
                Said::ReasoningDelta { item_id, output_index, content_index: 0, delta: text }
            }
            Kind::Call { .. } => Said::ArgumentsDelta { item_id, output_index, delta: text },
        };
        self.write(&said, out);
        open.text.push_str(text);
        open.logprobs.extend(logprobs);
        self.open = Some(open);
    }

    fn end(&mut self, _choice: u32, finish: Finish, usage: Usage, out: &mut BytesMut) {
        self.shut(status(finish), out);
        self.finish(finish, usage);
    }

    fn close(&mut self, _usage: Usage, out: &mut BytesMut) {
        if self.response.status == Status::Completed {
            self.tell(|response| Said::Completed { response }, out);
        } else {
            self.tell(|response| Said::Incomplete { response }, out);
        }
    }

    fn fail(&mut self, fault: &Fault<'_>, out: &mut BytesMut) {
        self.shut(Status::Incomplete, out);
        self.response.status = Status::Failed;
        self.response.error = Some(ResponseError {
            code: "server_error".to_owned(),
            message: fault.message.clone().into_owned(),
        });
        self.tell(|response| Said::Failed { response }, out);
    }

    fn ping(&mut self, out: &mut BytesMut) {
        sse::write_ping(out);
    }

    fn whole(mut self, answers: Vec<CollectedAnswer>, usage: Usage, out: &mut BytesMut) {
        for answer in answers {
            self.reasoned = answer.reasoning_tokens;
            self.finish(answer.finish, usage);
            let logprobs = self.entries(&answer.logprobs);
            let calls = answer.calls.into_iter().map(|call| {
                (Kind::Call { id: call.id, name: call.name }, call.arguments, Vec::new())
            });
            let said = [
                (Kind::Reasoning, answer.reasoning, Vec::new()),
                (Kind::Message, answer.text, logprobs),
            ];
            let said = said.into_iter().filter(|(_, text, _)| !text.is_empty());
            let all: Vec<_> = said.chain(calls).collect();
            let last = all.len().saturating_sub(1);
            for (index, (kind, text, logprobs)) in all.into_iter().enumerate() {
                let status = if index == last { self.response.status } else { Status::Completed };
                let open =
                    Open { text, logprobs, complete: true, ..Open::new(kind, &self.name, index) };
                self.response.output.push(open.item(status));
            }
        }
        serde_json::to_writer(out.writer(), &self.response)
            .expect("wire types are strings, numbers, lists and structs");
    }
}

#[cfg(test)]
mod tests;
