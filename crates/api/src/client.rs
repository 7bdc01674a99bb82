//! Streaming client for servers with OpenAI's chat dialect or Ollama's.
//!
//! Owns: connections, and the decoding of server-sent events into [`ChatEvent`]s.
//!
//! Invariants: connections are reused if the server allows it, and the number of streams is not
//! limited; a request is sent once more, on a fresh connection, where a reused one was closed before
//! the first byte of the response, because some servers (llama-server) close idle connections;
//! redirections are not followed, since they would take a prompt to another server; a stream
//! without its end is an error, never a short answer; what a server sends is bounded.
//!
//! Does not do: retries after an error status, load generation, statistics.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use harmonic_types::RunToken;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, Response, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::openai::{ChatRequest, Envelope, ModelCard, ModelList, StreamOptions};
use crate::sse;

mod answered;
mod error;
mod events;
mod health;
mod ollama;
mod request;
mod runs;
mod slots;
mod stream;
mod tool_calls;

use answered::AnsweredConnections;
pub use error::ClientError;
pub use events::{TeamEvents, TeamUpdate};
pub use health::{EngineHealth, ServerHealth};
pub use ollama::OllamaStream;
pub use request::StreamedRequest;
pub use runs::{RunNews, RunNewsStream};
pub use slots::{AgentSlots, EngineIdentity, EngineSlots};
pub use stream::{ChatEvent, ChatStream};
pub use tool_calls::ToolCallStream;

/// Limits on waiting for a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Time to connect.
    pub connect: Duration,
    /// Time without a byte from the server, that before its response included; `None` is unlimited,
    /// because a request can wait in a queue.
    pub idle: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), idle: None }
    }
}

/// Header with the token of a run.
const WITHIN: HeaderName = HeaderName::from_static(RunToken::HEADER);

/// Maximum bytes read of an error's body.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// Maximum bytes of a document: the record of a large run, some hundred times the usual one.
const MAX_DOCUMENT_BYTES: usize = 64 << 20;

/// Client of one server. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct Client {
    base: Url,
    pooled: reqwest::Client,
    fresh: reqwest::Client,
    answered: AnsweredConnections,
    authorization: Option<HeaderValue>,
    /// Token of the run that this process was started by.
    within: Option<HeaderValue>,
}

impl Client {
    /// Client of the server at `base_url`, such as `http://127.0.0.1:4276`; a trailing `/v1` is
    /// allowed. Loopback addresses bypass proxies.
    ///
    /// # Errors
    /// [`ClientError::Address`] for an invalid URL; [`ClientError::Setup`] when TLS cannot be set
    /// up.
    pub fn new(base_url: &str) -> Result<Self, ClientError> {
        Self::with_timeouts(base_url, Timeouts::default())
    }

    /// As [`Client::new`], with other limits on waiting.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn with_timeouts(base_url: &str, timeouts: Timeouts) -> Result<Self, ClientError> {
        let base = base(base_url)?;
        // An error means that a provider is installed already, which is then used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            let mut builder = reqwest::Client::builder()
                .connect_timeout(timeouts.connect)
                .redirect(Policy::none())
                .tcp_nodelay(true);
            if let Some(idle) = timeouts.idle {
                builder = builder.read_timeout(idle);
            }
            if is_this_host(&base) {
                builder = builder.no_proxy();
            }
            if base.scheme() == "http" {
                // Without TLS no certificates are loaded, so that machines without a certificate
                // store work.
                builder = builder.tls_certs_only([]);
            }
            builder
        };
        Ok(Self {
            pooled: builder()
                .pool_max_idle_per_host(usize::MAX)
                .build()
                .map_err(ClientError::Setup)?,
            fresh: builder().pool_max_idle_per_host(0).build().map_err(ClientError::Setup)?,
            answered: AnsweredConnections::default(),
            base,
            authorization: None,
            within: None,
        })
    }

    /// The client, sending `key` with each request.
    ///
    /// # Errors
    /// [`ClientError::Key`] for characters that a header cannot contain.
    pub fn with_key(mut self, key: &str) -> Result<Self, ClientError> {
        let mut value =
            HeaderValue::try_from(format!("Bearer {key}")).map_err(|_| ClientError::Key)?;
        // Hidden in debug output.
        value.set_sensitive(true);
        self.authorization = Some(value);
        Ok(self)
    }

    /// The client of a process that the run of `token` has started: what it asks for is part of that
    /// run.
    pub fn within(mut self, token: &RunToken) -> Self {
        self.within = Some(secret(token));
        self
    }

    /// URL of the server, without `/v1`.
    pub fn base_url(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Sends a chat request with `stream` set, and with token counts unless
    /// `request.stream_options` is set. Resolves with the response headers. Dropping the future or
    /// the stream closes the connection, which cancels the request.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] or [`ClientError::Status`].
    pub async fn chat(&self, request: &ChatRequest) -> Result<ChatStream, ClientError> {
        let mut request = request.clone();
        request.stream = Some(true);
        request.stream_options.get_or_insert(StreamOptions { include_usage: Some(true) });
        let url = self.url("v1/chat/completions");
        let response = self.post(&url, &request).await?;
        Ok(ChatStream::new(url, response))
    }

    /// Names of the server's models.
    ///
    /// # Errors
    /// As [`Client::chat`], and [`ClientError::Protocol`] for a response that is not a model list.
    pub async fn models(&self) -> Result<Vec<String>, ClientError> {
        Ok(self.model_cards().await?.into_iter().map(|card| card.id).collect())
    }

    /// The server's models.
    ///
    /// # Errors
    /// As [`Client::models`].
    pub async fn model_cards(&self) -> Result<Vec<ModelCard>, ClientError> {
        let list: ModelList = self.document("v1/models", "a model list").await?;
        Ok(list.data)
    }

    /// JSON document at `path`; `expected` describes it in errors.
    async fn document<T: DeserializeOwned>(
        &self,
        path: &str,
        expected: &str,
    ) -> Result<T, ClientError> {
        let url = self.url(path);
        let response = self.send(&url, |client| client.get(url.clone())).await?;
        document(&url, response, expected).await
    }

    /// Checks the server's health.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] without a response, [`ClientError::Status`] when the server is
    /// unhealthy.
    pub async fn health(&self) -> Result<(), ClientError> {
        let url = self.url("health");
        self.send(&url, |client| client.get(url.clone())).await.map(drop)
    }

    /// `request` with the API key and the token of a run, where there are any.
    fn signed(&self, request: RequestBuilder) -> RequestBuilder {
        let authorization = self.authorization.iter().map(|value| (AUTHORIZATION, value));
        let within = self.within.iter().map(|value| (WITHIN, value));
        authorization
            .chain(within)
            .fold(request, |request, (name, value)| request.header(name, value.clone()))
    }

    fn url(&self, path: &str) -> Url {
        self.base.join(path).expect("these paths join any base with a trailing slash")
    }

    /// Sends a request, a second time on a fresh connection if the first one had been closed while
    /// it was idle, and turns an error status into an error.
    async fn send(
        &self,
        url: &Url,
        request: impl Fn(&reqwest::Client) -> RequestBuilder,
    ) -> Result<Response, ClientError> {
        let request = |client| self.signed(request(client));
        let sent = match request(&self.pooled).send().await {
            Ok(response) => {
                self.answered.note(&response);
                Ok(response)
            }
            Err(error) if self.answered.lost(&error) => request(&self.fresh).send().await,
            Err(error) => Err(error),
        };
        checked(url, sent).await
    }

    /// Sends a request once, on a fresh connection: one that must not be done twice.
    async fn send_once(
        &self,
        url: &Url,
        request: impl Fn(&reqwest::Client) -> RequestBuilder,
    ) -> Result<Response, ClientError> {
        checked(url, self.signed(request(&self.fresh)).send().await).await
    }
}

/// The value of a header with the token of a run; hidden in debug output.
fn secret(token: &RunToken) -> HeaderValue {
    let mut value = HeaderValue::from_str(token.as_str()).expect("tokens are letters and digits");
    value.set_sensitive(true);
    value
}

/// Events of a response of `url`.
fn client_events(
    url: &Url,
    response: Response,
) -> BoxStream<'static, Result<eventsource_stream::Event, ClientError>> {
    let url = url.clone();
    let events = sse::events(response.bytes_stream());
    events.map(move |event| event.map_err(|error| ClientError::of_events(&url, error))).boxed()
}

/// JSON document of a response; `expected` describes it in errors.
async fn document<T: DeserializeOwned>(
    url: &Url,
    mut response: Response,
    expected: &str,
) -> Result<T, ClientError> {
    let unreachable = |error| ClientError::Unreachable { url: url.to_string(), error };
    let wrong = |reason: String| ClientError::Protocol { url: url.to_string(), reason };
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_DOCUMENT_BYTES {
            return Err(wrong(format!(
                "not {expected}: it has more than {MAX_DOCUMENT_BYTES} bytes"
            )));
        }
    }
    serde_json::from_slice(&body).map_err(|error| wrong(format!("not {expected}: {error}")))
}

/// Result of a request that was sent.
async fn checked(
    url: &Url,
    sent: Result<Response, reqwest::Error>,
) -> Result<Response, ClientError> {
    let unreachable = |error| ClientError::Unreachable { url: url.to_string(), error };
    let response = sent.map_err(unreachable)?;
    if response.status().is_success() { Ok(response) } else { Err(status(response).await) }
}

fn base(text: &str) -> Result<Url, ClientError> {
    const EXPECTED: &str = "expected http://HOST:PORT or HOST:PORT";
    let wrong = |reason: String| ClientError::Address { url: text.to_owned(), reason };
    let trimmed = text.trim().trim_end_matches('/');
    let trimmed = trimmed.strip_suffix("/v1").unwrap_or(trimmed);
    let scheme = if is_host_and_port(trimmed) { "http://" } else { "" };
    let url = Url::parse(&format!("{scheme}{trimmed}/"))
        .map_err(|error| wrong(format!("{error}; {EXPECTED}")))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong(format!("it is no http or https URL; {EXPECTED}")));
    }
    Ok(url)
}

/// Whether `text` is `HOST:PORT`, without a scheme: a scheme is not followed by a number.
fn is_host_and_port(text: &str) -> bool {
    text.rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        && !text.contains("//")
}

fn is_this_host(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Error for a response with an error status.
async fn status(mut response: Response) -> ClientError {
    let status = response.status().as_u16();
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .map(Duration::from_secs);
    let mut body = Vec::new();
    // The status is reported even if the body cannot be read.
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() >= MAX_ERROR_BYTES {
            break;
        }
    }
    let message =
        error_message(&body).unwrap_or_else(|| String::from_utf8_lossy(&body).trim().to_owned());
    ClientError::Status { status, message, retry_after }
}

/// Message of an error's body, in OpenAI's dialect or Ollama's.
fn error_message(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Plain {
        error: String,
    }
    let envelope = serde_json::from_slice::<Envelope<'_>>(body);
    let envelope = envelope.map(|envelope| envelope.error.message.into_owned());
    envelope.or_else(|_| serde_json::from_slice(body).map(|Plain { error }| error)).ok()
}

#[cfg(test)]
mod tests;
