//! Decoder of streamed chat responses.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use harmonic_types::{Event, TokenLogprob};
use reqwest::{Response, Url};
use serde::Deserialize;

use super::client_events;
use super::error::ClientError;
use crate::openai::{CallDelta, ChatChunk, Usage};
use crate::sse;

/// Header of our own server: milliseconds that the request waited for its slot.
const QUEUE_MS: &str = "x-harmonic-queue-ms";

/// Event of a streamed response, in order: deltas, one `Finish`, and `Usage` if the server counts.
#[derive(Clone, Debug, PartialEq)]
pub enum ChatEvent {
    /// Part of the answer: [`Event::Text`], [`Event::Reasoning`], [`Event::ToolCall`] or
    /// [`Event::ToolArguments`], never a final event and never with empty text, unless it has
    /// log-probabilities. All are generated tokens: a time to first token is measured at the first
    /// of any kind.
    Delta(Event),
    /// End of the answer.
    Finish {
        /// `stop`, `length`, `tool_calls` … as sent by the server.
        reason: String,
    },
    /// Token counts, possibly incomplete.
    Usage(Usage),
}

/// Streamed response. Ends after the server's `[DONE]`, or after one error. Dropping it closes the
/// connection, which cancels the request.
pub struct ChatStream {
    url: Url,
    events: BoxStream<'static, Result<eventsource_stream::Event, ClientError>>,
    decode: Decode,
    /// Decoded events not yet returned: one chunk can hold several.
    ready: VecDeque<ChatEvent>,
    ended: bool,
    queued: Option<Duration>,
}

/// Decoder of the data of one event.
type Decode = fn(&str) -> Result<Vec<ChatEvent>, serde_json::Error>;

impl ChatStream {
    /// Response of `/v1/chat/completions`.
    pub(super) fn new(url: Url, response: Response) -> Self {
        Self::of(url, response, |data| Ok(decode(serde_json::from_str(data)?).collect()))
    }

    /// Response of `/v1/completions`.
    pub(super) fn of_texts(url: Url, response: Response) -> Self {
        Self::of(url, response, |data| Ok(decode_text(serde_json::from_str(data)?).collect()))
    }

    fn of(url: Url, response: Response, decode: Decode) -> Self {
        let queued = response.headers().get(QUEUE_MS);
        let queued = queued.and_then(|value| value.to_str().ok()?.parse().ok());
        Self {
            events: client_events(&url, response),
            url,
            decode,
            ready: VecDeque::new(),
            ended: false,
            queued: queued.map(Duration::from_millis),
        }
    }

    /// Time that the request waited for its slot, as our own server states it.
    pub fn queued(&self) -> Option<Duration> {
        self.queued
    }

    fn protocol(&self, reason: String) -> ClientError {
        ClientError::Protocol { url: self.url.to_string(), reason }
    }

    /// Decodes `data` into `ready`.
    fn take(&mut self, data: &str) -> Result<(), ClientError> {
        let events = (self.decode)(data)
            .map_err(|error| self.protocol(format!("not a chunk of an answer: {error}")))?;
        // All fields of a chunk are optional, so an error object parses as an empty chunk.
        if events.is_empty()
            && let Some(message) = super::error_message(data.as_bytes())
        {
            return Err(ClientError::BrokenOff { message });
        }
        self.ready.extend(events);
        Ok(())
    }
}

/// Events in one chunk, of its first choice.
fn decode(chunk: ChatChunk<'_>) -> impl Iterator<Item = ChatEvent> {
    let choice = chunk.choices.into_iter().next().unwrap_or_default();
    let text =
        |text: Option<Cow<'_, str>>| text.filter(|text| !text.is_empty()).map(Cow::into_owned);
    // A server that sends both names sends the same text in both.
    let reasoning = text(choice.delta.reasoning_content).or_else(|| text(choice.delta.reasoning));
    let logprobs: Vec<TokenLogprob> =
        choice.logprobs.into_iter().flat_map(|all| all.content).map(Into::into).collect();
    let content = text(choice.delta.content);
    let content = (content.is_some() || !logprobs.is_empty())
        .then(|| Event::Text { text: content.unwrap_or_default(), logprobs });
    let content = [reasoning.map(|text| Event::Reasoning { text }), content];
    let called = choice.delta.tool_calls.into_iter().flatten().flat_map(call);
    let deltas = content.into_iter().flatten().chain(called).map(ChatEvent::Delta);
    let ended = [
        choice.finish_reason.map(|reason| ChatEvent::Finish { reason: reason.into_owned() }),
        chunk.usage.map(ChatEvent::Usage),
    ];
    deltas.chain(ended.into_iter().flatten())
}

/// Chunk of a continued text. Log-probabilities, whose form differs between servers, are not read.
#[derive(Deserialize)]
struct TextChunk {
    #[serde(default)]
    choices: Vec<TextChoice>,
    #[serde(default)]
    usage: Option<Usage>,
}

#[derive(Default, Deserialize)]
struct TextChoice {
    #[serde(default)]
    text: String,
    #[serde(default)]
    finish_reason: Option<String>,
}

/// Events in one chunk of a continued text, of its first choice.
fn decode_text(chunk: TextChunk) -> impl Iterator<Item = ChatEvent> {
    let TextChoice { text, finish_reason } = chunk.choices.into_iter().next().unwrap_or_default();
    let text =
        (!text.is_empty()).then(|| ChatEvent::Delta(Event::Text { text, logprobs: Vec::new() }));
    let reason = finish_reason.map(|reason| ChatEvent::Finish { reason });
    [text, reason, chunk.usage.map(ChatEvent::Usage)].into_iter().flatten()
}

/// Events in one delta of a tool call.
fn call(delta: CallDelta<'_>) -> impl Iterator<Item = Event> {
    let CallDelta { index, id, function, .. } = delta;
    // Some servers repeat the id, or send an empty name, with every delta.
    let start = function.name.filter(|name| !name.is_empty()).map(|name| Event::ToolCall {
        index,
        id: id.unwrap_or_default().into_owned(),
        name: name.into_owned(),
    });
    let arguments = function.arguments.filter(|text| !text.is_empty());
    let delta_arguments =
        arguments.map(|text| Event::ToolArguments { index, text: text.into_owned() });
    [start, delta_arguments].into_iter().flatten()
}

impl Stream for ChatStream {
    type Item = Result<ChatEvent, ClientError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(event) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            if this.ended {
                return Poll::Ready(None);
            }
            let failed = match ready!(this.events.poll_next_unpin(cx)) {
                Some(Ok(event)) if event.data == sse::DONE => {
                    this.ended = true;
                    continue;
                }
                Some(Ok(event)) => match this.take(&event.data) {
                    Ok(()) => continue,
                    Err(error) => error,
                },
                Some(Err(error)) => error,
                None => this.protocol("the stream ended before `[DONE]`".to_owned()),
            };
            this.ended = true;
            return Poll::Ready(Some(Err(failed)));
        }
    }
}

impl fmt::Debug for ChatStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatStream").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}
