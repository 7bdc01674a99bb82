//! Between a server and a dialect: what was asked, and how its answer is written.
//!
//! A server reads a body with one of the dialects' functions, which gives [`Asked`]; submits its
//! requests; and hands what they yield to the [`ResponseEncoder`], streamed or gathered. It knows
//! nothing else of the dialect.

use bytes::BytesMut;
use harmonic_types::{Event, FinishReason, Request, RequestId, Usage};

use crate::fault::Fault;
use crate::features::FeatureFields;
use crate::gathered::CollectedAnswer;
use crate::ignored::Ignored;

/// What a server knows of an answer before it reads the question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseMeta {
    /// The request.
    pub id: RequestId,
    /// Unique across restarts; a dialect puts its own prefix before it.
    pub name: String,
    /// Seconds since 1970 at which the request came.
    pub created: u64,
}

/// What a body asks for.
#[derive(Clone, Debug)]
pub struct Asked<W> {
    /// What is asked.
    pub request: Request,
    /// How many answers are wanted. None where a dialect asks only whether the agent is there.
    pub answers: u32,
    /// Whether they are sent as they come.
    pub streamed: bool,
    /// The fields that ask for what not every engine can do.
    pub fields: FeatureFields,
    /// What of the body the answers do not heed, for the client to be told.
    pub ignored: Ignored,
    /// How they are written.
    pub writer: W,
}

impl<W> Asked<W> {
    /// The requests to submit, one for each answer, each after the first under an id from
    /// `next_id`; and the writer. Answers differ by their seeds, which count up from the given one.
    pub fn into_requests(
        self,
        mut next_id: impl FnMut() -> RequestId,
    ) -> (impl Iterator<Item = Request>, W) {
        let Self { request, answers, writer, .. } = self;
        let requests = (0..answers).map(move |choice| {
            let mut request = request.clone();
            if choice > 0 {
                request.id = next_id();
                request.seed = request.seed.map(|seed| seed.wrapping_add(u64::from(choice)));
            }
            request
        });
        (requests, writer)
    }
}

/// Why an answer is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The model ended its turn.
    Stop,
    /// A stop string was met.
    StopString {
        /// Its place in [`Request::stop`].
        index: u32,
    },
    /// The limit of tokens, or the context, is exhausted.
    Length,
    /// It waits for the results of tool calls.
    ToolCalls,
}

impl Finish {
    /// The end that `reason` is; `None` for [`FinishReason::Cancelled`], which is no answer.
    pub fn of(reason: FinishReason) -> Option<Self> {
        match reason {
            FinishReason::Stop => Some(Self::Stop),
            FinishReason::StopString { index } => Some(Self::StopString { index }),
            FinishReason::Length => Some(Self::Length),
            FinishReason::ToolCalls => Some(Self::ToolCalls),
            FinishReason::Cancelled => None,
        }
    }

    /// OpenAI's word, which is in logs too.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Stop | Self::StopString { .. } => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
        }
    }
}

/// Writes one response: either a stream, from [`open`](Self::open) over the events of each answer
/// to [`close`](Self::close) or [`fail`](Self::fail); or a document, with [`whole`](Self::whole)
/// alone. All append to `out`, and may append nothing.
pub trait ResponseEncoder: Send + Unpin + 'static {
    /// Media type of the stream.
    const STREAM: &'static str;

    /// The stream begins; the prompt has this many tokens.
    fn open(&mut self, prompt_tokens: u32, out: &mut BytesMut);

    /// More of answer number `choice`: never an event that ends it.
    fn event(&mut self, choice: u32, event: &Event, out: &mut BytesMut);

    /// Answer number `choice` is complete.
    fn end(&mut self, choice: u32, finish: Finish, usage: Usage, out: &mut BytesMut);

    /// All answers are complete; `usage` is their sum.
    fn close(&mut self, usage: Usage, out: &mut BytesMut);

    /// The stream breaks off.
    fn fail(&mut self, fault: &Fault<'_>, out: &mut BytesMut);

    /// Nothing has happened for a while: shows that the connection lives.
    fn ping(&mut self, out: &mut BytesMut);

    /// The answers as one JSON document.
    fn whole(self, answers: Vec<CollectedAnswer>, usage: Usage, out: &mut BytesMut);
}

/// The counts of several answers to one prompt: it is counted once.
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
        let asked = Asked {
            request,
            answers: 3,
            streamed: false,
            fields: FeatureFields::default(),
            ignored: Ignored::default(),
            writer: (),
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
