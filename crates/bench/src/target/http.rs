//! A server of OpenAI's chat dialect, or of Ollama's, over HTTP.
//!
//! Owns: the way from an [`Ask`] to a chat request, and from chat events to [`Arrival`]s.
//!
//! Invariants: reasoning counts as output, since its tokens are generated like any others; usage is
//! the server's last word, so it is handed on when the stream ends; a connection that breaks in an
//! answer is [`TargetError::Broken`], one that cannot be made is [`TargetError::Unreachable`].
//!
//! Does not do: retry.

use std::error::Error;

use futures::{Stream, StreamExt, stream};
use harmonic_api::ollama::{ChatBody, MessageBody, Options};
use harmonic_api::openai::{ChatMessage, ChatRequest, Usage};
use harmonic_api::{ChatEvent, Client, ClientError};

use super::{Answer, Arrival, Ask, Counted, Target, TargetError};

/// What a server is asked in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wire {
    /// `/v1/chat/completions`.
    #[default]
    OpenAi,
    /// `/api/chat`. It has no `ignore_eos`.
    Ollama,
}

/// A server under an URL.
#[derive(Clone, Debug)]
pub struct HttpTarget {
    client: Client,
    wire: Wire,
}

impl HttpTarget {
    /// The server at `base_url`, such as `http://127.0.0.1:4276`.
    ///
    /// # Errors
    /// As [`Client::new`]: nothing is sent yet.
    pub fn new(base_url: &str) -> Result<Self, ClientError> {
        Client::new(base_url).map(Self::from)
    }

    /// The server that `client` knows, asked in this dialect.
    pub const fn over(client: Client, wire: Wire) -> Self {
        Self { client, wire }
    }

    fn error(&self, error: &ClientError) -> TargetError {
        let target = self.name();
        let message = chain(error);
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
}

impl From<Client> for HttpTarget {
    fn from(client: Client) -> Self {
        Self::over(client, Wire::default())
    }
}

impl Target for HttpTarget {
    fn name(&self) -> String {
        self.client.base_url().to_owned()
    }

    async fn ask(&self, ask: Ask) -> Result<Answer, TargetError> {
        let name = self.name();
        match self.wire {
            Wire::OpenAi => {
                let events = self.client.chat(&openai(ask)).await;
                let events = events.map_err(|error| self.error(&error))?;
                Ok(arrivals(name, events).boxed())
            }
            Wire::Ollama => {
                let events = self.client.ollama_chat(&ollama(ask)).await;
                let events = events.map_err(|error| self.error(&error))?;
                Ok(arrivals(name, events).boxed())
            }
        }
    }
}

fn openai(ask: Ask) -> ChatRequest {
    ChatRequest {
        model: ask.agent.0,
        messages: vec![ChatMessage::new("user", ask.prompt)],
        temperature: Some(ask.temperature),
        // The older name: llama-server, Ollama and vLLM all know it.
        max_tokens: Some(ask.output_tokens),
        ignore_eos: ask.ignore_eos.then_some(true),
        ..ChatRequest::default()
    }
}

fn ollama(ask: Ask) -> ChatBody {
    let message = MessageBody {
        role: "user".to_owned(),
        content: Some(ask.prompt),
        ..MessageBody::default()
    };
    let options = Options {
        num_predict: Some(ask.output_tokens.into()),
        temperature: Some(ask.temperature),
        ..Options::default()
    };
    ChatBody {
        model: ask.agent.0,
        messages: vec![message],
        options: Some(options),
        ..ChatBody::default()
    }
}

/// Where an answer is.
struct Reading<S> {
    events: S,
    target: String,
    usage: Option<Usage>,
    over: bool,
}

fn arrivals<S>(target: String, events: S) -> impl Stream<Item = Result<Arrival, TargetError>> + Send
where
    S: Stream<Item = Result<ChatEvent, ClientError>> + Send + Unpin,
{
    let reading = Reading { events, target, usage: None, over: false };
    stream::unfold(reading, |mut reading| async move {
        if reading.over {
            return None;
        }
        loop {
            let item = match reading.events.next().await {
                Some(Ok(ChatEvent::Delta(_))) => Ok(Arrival::Output),
                Some(Ok(ChatEvent::Usage(usage))) => {
                    reading.usage = Some(usage);
                    continue;
                }
                Some(Ok(ChatEvent::Finish { .. })) => continue,
                Some(Err(error)) => {
                    reading.over = true;
                    let message = chain(&error);
                    Err(TargetError::Broken { target: reading.target.clone(), message })
                }
                None => {
                    reading.over = true;
                    let target = reading.target.clone();
                    reading
                        .usage
                        .map(|usage| Arrival::Finished(counted(&usage)))
                        .ok_or(TargetError::NoUsage { target })
                }
            };
            return Some((item, reading));
        }
    })
}

fn counted(usage: &Usage) -> Counted {
    Counted {
        prompt: usage.prompt_tokens,
        completion: usage.completion_tokens,
        cached: usage.prompt_tokens_details.and_then(|details| details.cached_tokens),
    }
}

/// The error and what lies beneath it, on one line.
fn chain(error: &dyn Error) -> String {
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

    async fn read(events: Vec<Result<ChatEvent, ClientError>>) -> Vec<Result<Arrival, String>> {
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
        let counted = Counted { prompt: 70, completion: 2, cached: Some(30) };
        assert_eq!(
            found,
            [Ok(Arrival::Output), Ok(Arrival::Output), Ok(Arrival::Finished(counted))]
        );
    }

    #[tokio::test]
    async fn an_answer_ends_after_its_error() {
        let broke = || Err(ClientError::BrokenOff { message: "out of memory".into() });
        let found = read(vec![Ok(usage(1)), broke(), Ok(usage(2))]).await;
        assert_eq!(found.len(), 1);
        insta::assert_snapshot!(
            found[0].as_ref().unwrap_err(),
            @"the answer of there broke off: the server broke off its answer: out of memory"
        );
    }

    #[tokio::test]
    async fn an_answer_without_usage_is_an_error() {
        let text = Event::Text { text: "a".into(), logprobs: Vec::new() };
        let found = read(vec![Ok(ChatEvent::Delta(text))]).await;
        assert_eq!(found.len(), 2);
        insta::assert_snapshot!(
            found[1].as_ref().unwrap_err(),
            @"there ended an answer without its usage"
        );
    }
}
