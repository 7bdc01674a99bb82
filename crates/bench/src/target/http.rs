//! HTTP target: a server of OpenAI's or Ollama's chat dialect.
//!
//! Owns: the conversion of a [`RequestSpec`] to a chat request, and of chat events to
//! [`StreamEvent`]s.
//!
//! Invariants: reasoning counts as output, since its tokens are generated like any others; the last
//! usage counts, so it is emitted when the stream ends; a connection that breaks within a response
//! is [`TargetError::Broken`], one that cannot be made is [`TargetError::Unreachable`].
//!
//! Does not do: retry.

use std::error::Error;

use futures::{Stream, StreamExt, stream};
use harmonic_api::ollama::{ChatBody, MessageBody, Options};
use harmonic_api::openai::{ChatMessage, ChatRequest, Usage};
use harmonic_api::{ChatEvent, Client, ClientError};

use super::{ReportedUsage, RequestSpec, ResponseStream, StreamEvent, Target, TargetError};

/// Chat dialect of a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TargetDialect {
    /// OpenAI's, `/v1/chat/completions`.
    #[default]
    OpenAi,
    /// Ollama's, `/api/chat`, which has no `ignore_eos`.
    Ollama,
}

/// Target at a base URL.
#[derive(Clone, Debug)]
pub struct HttpTarget {
    client: Client,
    dialect: TargetDialect,
}

impl HttpTarget {
    /// Target at `base_url`, such as `http://127.0.0.1:4276`; does not connect.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn new(base_url: &str) -> Result<Self, ClientError> {
        Client::new(base_url).map(Self::from)
    }

    /// Target of `client`, used in this dialect.
    pub const fn with_client(client: Client, dialect: TargetDialect) -> Self {
        Self { client, dialect }
    }
}

/// The error of a request that the target did not accept.
pub(super) fn refusal(target: &str, error: &ClientError) -> TargetError {
    let (target, message) = (target.to_owned(), chain(error));
    match error {
        ClientError::Unreachable { .. } | ClientError::Setup(_) => {
            TargetError::Unreachable { target, message }
        }
        ClientError::Status { .. }
        | ClientError::Address { .. }
        | ClientError::Key
        | ClientError::BrokenOff { .. }
        | ClientError::Protocol { .. } => TargetError::Refused { target, message },
    }
}

impl From<Client> for HttpTarget {
    fn from(client: Client) -> Self {
        Self::with_client(client, TargetDialect::default())
    }
}

impl Target for HttpTarget {
    fn name(&self) -> String {
        self.client.base_url().to_owned()
    }

    async fn send(&self, request: RequestSpec) -> Result<ResponseStream, TargetError> {
        let name = self.name();
        match self.dialect {
            TargetDialect::OpenAi => {
                let events = self.client.chat(&openai(request)).await;
                let events = events.map_err(|error| refusal(&name, &error))?;
                Ok(arrivals(name, events).boxed())
            }
            TargetDialect::Ollama => {
                let events = self.client.ollama_chat(&ollama(request)).await;
                let events = events.map_err(|error| refusal(&name, &error))?;
                Ok(arrivals(name, events).boxed())
            }
        }
    }
}

fn openai(request: RequestSpec) -> ChatRequest {
    ChatRequest {
        model: request.agent.0,
        messages: vec![ChatMessage::new("user", request.prompt)],
        temperature: Some(request.temperature),
        // The older name, supported by llama-server, Ollama and vLLM.
        max_tokens: Some(request.output_tokens),
        ignore_eos: request.ignore_eos.then_some(true),
        ..ChatRequest::default()
    }
}

fn ollama(request: RequestSpec) -> ChatBody {
    let message = MessageBody {
        role: "user".to_owned(),
        content: Some(request.prompt),
        ..MessageBody::default()
    };
    let options = Options {
        num_predict: Some(request.output_tokens.into()),
        temperature: Some(request.temperature),
        ..Options::default()
    };
    ChatBody {
        model: request.agent.0,
        messages: vec![message],
        options: Some(options),
        ..ChatBody::default()
    }
}

/// State of a response stream.
struct StreamState<S> {
    events: S,
    target: String,
    usage: Option<Usage>,
    over: bool,
}

fn arrivals<S>(
    target: String,
    events: S,
) -> impl Stream<Item = Result<StreamEvent, TargetError>> + Send
where
    S: Stream<Item = Result<ChatEvent, ClientError>> + Send + Unpin,
{
    let state = StreamState { events, target, usage: None, over: false };
    stream::unfold(state, |mut state| async move {
        if state.over {
            return None;
        }
        loop {
            let item = match state.events.next().await {
                Some(Ok(ChatEvent::Delta(_))) => Ok(StreamEvent::Output),
                Some(Ok(ChatEvent::Usage(usage))) => {
                    state.usage = Some(usage);
                    continue;
                }
                Some(Ok(ChatEvent::Finish { .. })) => continue,
                Some(Err(error)) => {
                    state.over = true;
                    let message = chain(&error);
                    Err(TargetError::Broken { target: state.target.clone(), message })
                }
                None => {
                    state.over = true;
                    let target = state.target.clone();
                    state
                        .usage
                        .map(|usage| StreamEvent::Finished(reported(&usage)))
                        .ok_or(TargetError::NoUsage { target })
                }
            };
            return Some((item, state));
        }
    })
}

fn reported(usage: &Usage) -> ReportedUsage {
    ReportedUsage {
        prompt_tokens: usage.prompt_tokens,
        completion_tokens: usage.completion_tokens,
        cached_tokens: usage.prompt_tokens_details.and_then(|details| details.cached_tokens),
    }
}

/// The error and its causes on one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        text.push_str(": ");
        text.push_str(&deeper.to_string());
        cause = deeper.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use harmonic_api::openai::PromptTokensDetails;
    use harmonic_types::Event;

    use super::*;

    async fn read(events: Vec<Result<ChatEvent, ClientError>>) -> Vec<Result<StreamEvent, String>> {
        arrivals("there".into(), stream::iter(events))
            .map(|arrival| arrival.map_err(|error| error.to_string()))
            .collect()
            .await
    }

    fn usage(completion_tokens: u32) -> ChatEvent {
        ChatEvent::Usage(Usage {
            prompt_tokens: 70,
            completion_tokens,
            total_tokens: 70 + completion_tokens,
            prompt_tokens_details: Some(PromptTokensDetails { cached_tokens: Some(30) }),
        })
    }

    #[tokio::test]
    async fn reasoning_is_output_and_the_last_usage_counts() {
        let text = || "a".to_owned();
        let found = read(vec![
            Ok(ChatEvent::Delta(Event::Reasoning { text: text() })),
            Ok(usage(1)),
            Ok(ChatEvent::Delta(Event::Text { text: text(), logprobs: Vec::new() })),
            Ok(ChatEvent::Finish { reason: "length".into() }),
            Ok(usage(2)),
        ])
        .await;
        let usage =
            ReportedUsage { prompt_tokens: 70, completion_tokens: 2, cached_tokens: Some(30) };
        assert_eq!(
            found,
            [Ok(StreamEvent::Output), Ok(StreamEvent::Output), Ok(StreamEvent::Finished(usage))]
        );
    }

    #[tokio::test]
    async fn an_answer_ends_after_its_error() {
        let broke = || Err(ClientError::BrokenOff { message: "out of memory".into() });
        let found = read(vec![Ok(usage(1)), broke(), Ok(usage(2))]).await;
        assert_eq!(found.len(), 1);
        insta::assert_snapshot!(
            found[0].as_ref().unwrap_err(),
            @"the response of there ended prematurely: the server broke off its answer: out of memory"
        );
    }

    #[tokio::test]
    async fn an_answer_without_usage_is_an_error() {
        let text = Event::Text { text: "a".into(), logprobs: Vec::new() };
        let found = read(vec![Ok(ChatEvent::Delta(text))]).await;
        assert_eq!(found.len(), 2);
        insta::assert_snapshot!(
            found[1].as_ref().unwrap_err(),
            @"there ended a response without its usage"
        );
    }
}
