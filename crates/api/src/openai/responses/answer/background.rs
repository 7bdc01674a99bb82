//! Responses that go on without their client: their document at any time, and their ends.

use bytes::BytesMut;
use harmonic_types::{Event, RunRecord};

use super::open_item::OpenItem;
use super::stream_event::StreamEvent;
use super::{ResponsesEncoder, Status};
use crate::openai::responses::Response;
use crate::openai::responses::of_run::{run_answer, run_status};
use crate::response_encoder::ResponseEncoder;

impl ResponsesEncoder {
    /// An encoder of `response` without its output, that goes on after the event `after`, or begins.
    pub fn resuming(mut response: Response, after: Option<u64>) -> Self {
        response.output.clear();
        (response.usage, response.error, response.incomplete_details) = (None, None, None);
        let mut encoder = Self::new(response.name().to_owned(), response, false);
        encoder.events = after.map_or(0, |after| after.saturating_add(1));
        encoder
    }

    /// Whether the response goes on without its client.
    pub fn is_background(&self) -> bool {
        self.response.background
    }

    /// Gives the response another id, before its first event.
    pub fn set_id(&mut self, id: String) {
        self.response.id = id;
    }

    /// Number of events so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The response so far, its open item included.
    pub fn response(&self) -> Response {
        let mut response = self.response.clone();
        if let Some(open) = &self.open {
            let open = OpenItem { complete: true, ..open.clone() };
            response.output.push(open.item(Status::InProgress));
        }
        response
    }

    /// Starts the stream of a response that waits for its turn.
    pub fn queue(&mut self, out: &mut BytesMut) {
        self.response.status = Status::Queued;
        self.write_status(|response| StreamEvent::Created { response }, out);
        self.write_status(|response| StreamEvent::Queued { response }, out);
    }

    /// Ends the stream of a response that was cancelled.
    pub fn cancel(&mut self, out: &mut BytesMut) {
        self.end_item(Status::Incomplete, out);
        self.response.status = Status::Cancelled;
        self.write_status(|response| StreamEvent::Cancelled { response }, out);
    }

    /// Ends the stream of a run that was not followed, as `record` says; with its whole answer
    /// before, where nothing of it was sent.
    pub fn end_as(&mut self, record: &RunRecord, is_unsent: bool, out: &mut BytesMut) {
        if is_unsent && let Some(text) = run_answer(record) {
            self.event(0, &Event::Text { text, logprobs: Vec::new() }, out);
            self.end_item(run_status(&record.state), out);
        }
        self.response.apply_record(record);
        self.write_status(
            |response| match response.status {
                Status::Completed => StreamEvent::Completed { response },
                Status::Incomplete => StreamEvent::Incomplete { response },
                Status::Failed => StreamEvent::Failed { response },
                Status::Cancelled => StreamEvent::Cancelled { response },
                Status::Queued | Status::InProgress => StreamEvent::InProgress { response },
            },
            out,
        );
    }
}
