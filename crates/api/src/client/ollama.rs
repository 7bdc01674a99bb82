//! Client for servers with Ollama's dialect only.
//!
//! Owns: the decoding of JSON lines into the same [`ChatEvent`]s.
//!
//! Invariants: as in `stream`; a line longer than [`MAX_LINE_BYTES`] is an error.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use harmonic_types::Event;
use reqwest::{Response, Url};
use serde::Deserialize;

use super::{ChatEvent, Client, ClientError};
use crate::object;
use crate::ollama::{CallBody, ChatBody};
use crate::openai::{TokenEntry, Usage};
use crate::tools;

/// Maximum bytes per line, enough for a complete answer.
const MAX_LINE_BYTES: usize = 4 << 20;

/// Line of a streamed response; other fields are ignored.
#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    message: LineMessage,
    /// Text of `/api/generate`, whose reasoning is beside it.
    #[serde(default)]
    response: String,
    #[serde(default)]
    thinking: String,
    #[serde(default, deserialize_with = "object::list_or_null")]
    logprobs: Vec<TokenEntry>,
    #[serde(default)]
    done: bool,
    #[serde(default)]
    done_reason: Option<String>,
    #[serde(default)]
    prompt_eval_count: Option<u32>,
    #[serde(default)]
    eval_count: Option<u32>,
    #[serde(default)]
    error: Option<String>,
}

#[derive(Default, Deserialize)]
struct LineMessage {
    #[serde(default)]
    content: String,
    #[serde(default)]
    thinking: String,
    /// Whole calls, one or more in a line.
    #[serde(default, deserialize_with = "object::list_or_null")]
    tool_calls: Vec<CallBody>,
}

#[derive(Deserialize)]
struct ModelNames {
    models: Vec<ModelName>,
}

#[derive(Deserialize)]
struct ModelName {
    name: String,
}

/// Streamed response. Ends after its `done` line, or after one error.
pub type OllamaStream = BoxStream<'static, Result<ChatEvent, ClientError>>;

impl Client {
    /// Names of the models of an Ollama server.
    ///
    /// # Errors
    /// As [`Client::models`].
    pub async fn ollama_models(&self) -> Result<Vec<String>, ClientError> {
        let list: ModelNames = self.document("api/tags", "a list of Ollama's models").await?;
        Ok(list.models.into_iter().map(|model| model.name).collect())
    }

    /// Sends a chat request in Ollama's dialect with `stream` set. Dropping the future or the
    /// stream closes the connection.
    ///
    /// # Errors
    /// As [`Client::chat`].
    pub async fn ollama_chat(&self, body: &ChatBody) -> Result<OllamaStream, ClientError> {
        let url = self.url("api/chat");
        let body = ChatBody { stream: Some(true), ..body.clone() };
        let response = self.post(&url, &body).await?;
        Ok(stream(&url, response))
    }
}

/// Events of a response.
pub(super) fn stream(url: &Url, response: Response) -> OllamaStream {
    let address = url.to_string();
    let transport = {
        let address = address.clone();
        move |error| ClientError::Unreachable { url: address.clone(), error }
    };
    let chunks = response.bytes_stream().map(move |chunk| chunk.map_err(&transport));
    events(address, chunks.boxed()).boxed()
}

/// Reader state: received bytes and decoded events.
struct LineReader {
    address: String,
    chunks: BoxStream<'static, Result<Bytes, ClientError>>,
    buffer: BytesMut,
    ready: VecDeque<ChatEvent>,
    /// Tool calls so far.
    calls: u32,
    ended: bool,
}

fn events(
    address: String,
    chunks: BoxStream<'static, Result<Bytes, ClientError>>,
) -> impl Stream<Item = Result<ChatEvent, ClientError>> + Send {
    let (buffer, ready) = (BytesMut::new(), VecDeque::new());
    let reader = LineReader { address, chunks, buffer, ready, calls: 0, ended: false };
    stream::unfold(reader, |mut reader| async move {
        let event = reader.next().await?;
        Some((event, reader))
    })
}

impl LineReader {
    async fn next(&mut self) -> Option<Result<ChatEvent, ClientError>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(event));
            }
            if self.ended {
                return None;
            }
            let taken = match self.line() {
                Some(line) => self.take(&line),
                None => self.fill().await,
            };
            if let Err(error) = taken {
                self.ended = true;
                return Some(Err(error));
            }
        }
    }

    /// Next complete line of the buffer.
    fn line(&mut self) -> Option<BytesMut> {
        let end = self.buffer.iter().position(|byte| *byte == b'\n')?;
        Some(self.buffer.split_to(end + 1))
    }

    async fn fill(&mut self) -> Result<(), ClientError> {
        match self.chunks.next().await {
            Some(chunk) => self.buffer.extend_from_slice(&chunk?),
            None => return Err(self.protocol("the stream ended before its last line")),
        }
        if self.buffer.len() > MAX_LINE_BYTES {
            return Err(self.protocol("a line exceeds 4 MiB"));
        }
        Ok(())
    }

    fn take(&mut self, line: &[u8]) -> Result<(), ClientError> {
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        let line: Line = serde_json::from_slice(line)
            .map_err(|error| self.protocol(&format!("not a line of a chat answer: {error}")))?;
        if let Some(message) = line.error {
            return Err(ClientError::BrokenOff { message });
        }
        let LineMessage { content, thinking, tool_calls } = line.message;
        // A line has either.
        let (content, thinking) = (content + &line.response, thinking + &line.thinking);
        let logprobs: Vec<_> = line.logprobs.into_iter().map(Into::into).collect();
        if !thinking.is_empty() {
            self.ready.push_back(ChatEvent::Delta(Event::Reasoning { text: thinking }));
        }
        if !content.is_empty() || !logprobs.is_empty() {
            self.ready.push_back(ChatEvent::Delta(Event::Text { text: content, logprobs }));
        }
        for call in tool_calls {
            let (index, id) = (self.calls, call.id.unwrap_or_default());
            self.calls += 1;
            let name = call.function.name;
            let text = tools::arguments(call.function.arguments);
            let call = [Event::ToolCall { index, id, name }, Event::ToolArguments { index, text }];
            self.ready.extend(call.map(ChatEvent::Delta));
        }
        if line.done {
            self.ended = true;
            let reason = line.done_reason.unwrap_or_else(|| "stop".to_owned());
            self.ready.push_back(ChatEvent::Finish { reason });
            if let Some(completion_tokens) = line.eval_count {
                // Ollama omits the count of a fully cached prompt.
                let prompt_tokens = line.prompt_eval_count.unwrap_or(0);
                self.ready.push_back(ChatEvent::Usage(Usage {
                    prompt_tokens,
                    completion_tokens,
                    total_tokens: prompt_tokens.saturating_add(completion_tokens),
                    prompt_tokens_details: None,
                }));
            }
        }
        Ok(())
    }

    fn protocol(&self, reason: &str) -> ClientError {
        ClientError::Protocol { url: self.address.clone(), reason: reason.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use harmonic_types::TokenLogprob;

    use super::*;

    async fn read(chunks: &[&'static str]) -> Vec<Result<ChatEvent, String>> {
        let chunks: Vec<_> =
            chunks.iter().map(|chunk| Ok(Bytes::from_static(chunk.as_bytes()))).collect();
        events("there".to_owned(), stream::iter(chunks).boxed())
            .map(|event| event.map_err(|error| error.to_string()))
            .collect()
            .await
    }

    #[tokio::test]
    async fn lines_are_events_however_they_are_cut() {
        let found = read(&[
            "{\"message\":{\"content\":\"\",\"thinking\":\"hm\"}}\n{\"mess",
            "age\":{\"content\":\"a\"}}\n\n",
            "{\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"length\",",
            "\"prompt_eval_count\":7,\"eval_count\":2}\n{\"message\":{\"content\":\"late\"}}\n",
        ])
        .await;
        let usage = Usage {
            prompt_tokens: 7,
            completion_tokens: 2,
            total_tokens: 9,
            prompt_tokens_details: None,
        };
        assert_eq!(
            found,
            [
                Ok(ChatEvent::Delta(Event::Reasoning { text: "hm".to_owned() })),
                Ok(ChatEvent::Delta(Event::Text { text: "a".to_owned(), logprobs: Vec::new() })),
                Ok(ChatEvent::Finish { reason: "length".to_owned() }),
                Ok(ChatEvent::Usage(usage)),
            ]
        );
    }

    #[tokio::test]
    async fn calls_texts_and_log_probabilities_are_read() {
        let found = read(&[
            "{\"message\":{\"content\":\"\",\"tool_calls\":[{\"function\":{\"name\":\"look\",",
            "\"arguments\":{\"at\":1}}},{\"id\":\"c2\",\"function\":{\"name\":\"go\"}}]}}\n",
            "{\"response\":\"a\",\"logprobs\":[{\"token\":\"a\",\"logprob\":-0.5}]}\n",
            "{\"done\":true}\n",
        ])
        .await;
        let call = |index, id: &str, name: &str| {
            let (id, name) = (id.to_owned(), name.to_owned());
            Ok(ChatEvent::Delta(Event::ToolCall { index, id, name }))
        };
        let arguments = |index, text: &str| {
            Ok(ChatEvent::Delta(Event::ToolArguments { index, text: text.to_owned() }))
        };
        let logprobs = vec![TokenLogprob { token: "a".into(), logprob: -0.5, top: Vec::new() }];
        assert_eq!(
            found,
            [
                call(0, "", "look"),
                arguments(0, "{\"at\":1}"),
                call(1, "c2", "go"),
                arguments(1, "{}"),
                Ok(ChatEvent::Delta(Event::Text { text: "a".to_owned(), logprobs })),
                Ok(ChatEvent::Finish { reason: "stop".to_owned() }),
            ]
        );
    }

    #[tokio::test]
    async fn an_invalid_stream_yields_one_error() {
        for (body, said) in [
            ("{\"error\":\"out of memory\"}\n{\"done\":true}\n", "out of memory"),
            ("{\"message\":{}}\n", "ended before its last line"),
            ("<html>\n", "not a line of a chat answer"),
        ] {
            let found = read(&[body]).await;
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].as_ref().unwrap_err().contains(said), "{found:?}");
        }
    }
}
