//! Interface between a server and the dialects: parsed requests in, encoded responses out.
//!
//! A server parses a body with one of the dialects' functions into a [`ParsedRequest`], submits its
//! requests, and passes the resulting events to the [`ResponseEncoder`], as a stream or collected.
//! It needs no other knowledge of the dialect.

use bytes::BytesMut;
use harmonic_types::{Event, FinishReason, Request, RequestId, Usage};

use crate::collected_answer::CollectedAnswer;
use crate::features::FeatureFields;
use crate::ignored::Ignored;
use crate::wire_error::WireError;

/// Metadata of a response, known before the body is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseMeta {
    /// Id of the first request.
    pub id: RequestId,
    /// Name of the response, unique across restarts; each dialect adds its own prefix.
    pub name: String,
    /// Arrival time of the request, in seconds since 1970.
    pub created: u64,
}

/// Request body in decoded form.
#[derive(Clone, Debug)]
pub struct ParsedRequest<W> {
    /// Request of the first answer.
    pub request: Request,
    /// Number of answers. None if the dialect only asks whether the agent is available.
    pub answers: u32,
    /// Whether answers are streamed.
    pub streamed: bool,
    /// Names of the fields that require optional engine features.
    pub fields: FeatureFields,
    /// Ignored parts of the body, reported to the client.
    pub ignored: Ignored,
    /// Encoder of the response.
    pub encoder: W,
}

impl<W> ParsedRequest<W> {
    /// The requests to submit, one per answer, and the encoder. All but the first get ids from
    /// `next_id`. Seeds count up from the given one.
    pub fn into_requests(
        self,
        mut next_id: impl FnMut() -> RequestId,
    ) -> (impl Iterator<Item = Request>, W) {
        let Self { request, answers, encoder, .. } = self;
        let requests = (0..answers).map(move |choice| {
            let mut request = request.clone();
            if choice > 0 {
                request.id = next_id();
                request.seed = request.seed.map(|seed| seed.wrapping_add(u64::from(choice)));
            }
            request
        });
        (requests, encoder)
    }
}

/// Finish reason of a complete answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// End of the model's turn.
    Stop,
    /// Stop string found.
    StopString {
        /// Index in [`Request::stop`].
        index: u32,
    },
    /// Token limit or context exhausted.
    Length,
    /// Tool calls made; the model waits for their results.
    ToolCalls,
}

impl Finish {
    /// Finish reason for `reason`; `None` for [`FinishReason::Cancelled`], which completes no
    /// answer.
    pub fn of(reason: FinishReason) -> Option<Self> {
        match reason {
            FinishReason::Stop => Some(Self::Stop),
            FinishReason::StopString { index } => Some(Self::StopString { index }),
            FinishReason::Length => Some(Self::Length),
            FinishReason::ToolCalls => Some(Self::ToolCalls),
            FinishReason::Cancelled => None,
        }
    }

    /// OpenAI's name, also used in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stop | Self::StopString { .. } => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
        }
    }
}

/// Encoder of one response: either a stream, from [`open`](Self::open) over the events of each
/// answer to [`close`](Self::close) or [`fail`](Self::fail); or one document, with
/// [`document`](Self::document) alone. All methods append to `out`, and may append nothing.
pub trait ResponseEncoder: Send + Unpin + 'static {
    /// Media type of the stream.
    const STREAM: &'static str;

    /// Starts the stream; the prompt has this many tokens.
    fn open(&mut self, prompt_tokens: u32, out: &mut BytesMut);

    /// Encodes an event of answer `choice`, except events that end it.
    fn event(&mut self, choice: u32, event: &Event, out: &mut BytesMut);

    /// Ends answer `choice`.
    fn end(&mut self, choice: u32, finish: Finish, usage: Usage, out: &mut BytesMut);

    /// Ends the stream; `usage` is the total of all answers.
    fn close(&mut self, usage: Usage, out: &mut BytesMut);

    /// Ends the stream with an error.
    fn fail(&mut self, error: &WireError<'_>, out: &mut BytesMut);

    /// Writes a keep-alive.
    fn ping(&mut self, out: &mut BytesMut);

    /// Encodes the collected answers as one JSON document.
    fn document(self, answers: Vec<CollectedAnswer>, usage: Usage, out: &mut BytesMut);
}

/// Total usage of several answers to one prompt, which is counted once.
pub fn total(usages: impl IntoIterator<Item = Usage>) -> Usage {
    usages
        .into_iter()
        .reduce(|sum, one| Usage {
            completion_tokens: sum.completion_tokens.saturating_add(one.completion_tokens),
            ..sum
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use harmonic_types::AgentName;

    use super::*;

    #[test]
    fn several_answers_are_requests_that_differ_by_id_and_seed() {
        let mut request = Request::new(RequestId(7), AgentName("coder".to_owned()), Vec::new());
        request.seed = Some(u64::MAX);
        let asked = ParsedRequest {
            request,
            answers: 3,
            streamed: false,
            fields: FeatureFields::default(),
            ignored: Ignored::default(),
            encoder: (),
        };
        let mut ids = (20..).map(RequestId);
        let (requests, ()) = asked.into_requests(|| ids.next().expect("endless"));
        let (ids, seeds): (Vec<u64>, Vec<_>) =
            requests.map(|request| (request.id.0, request.seed)).unzip();
        assert_eq!(ids, [7, 20, 21]);
        assert_eq!(seeds, [Some(u64::MAX), Some(0), Some(1)]);
    }

    #[test]
    fn a_prompt_is_counted_once() {
        let usage = |completion_tokens| Usage {
            prompt_tokens: 7,
            completion_tokens,
            cached_tokens: completion_tokens,
        };
        let sum = Usage { prompt_tokens: 7, completion_tokens: 6, cached_tokens: 1 };
        assert_eq!(total([usage(1), usage(2), usage(3)]), sum);
        assert_eq!(total([]), Usage::default());
    }
}
