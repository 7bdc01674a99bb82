//! A streaming client for any server of OpenAI's chat dialect, or of Ollama's.
//!
//! Owns: connections, and the way from a body of server-sent events to [`ChatEvent`]s.
//!
//! Invariants: a connection is reused where the server allows it, and no number of streams is too
//! many; a request that fails on the way to the server, before the first byte of an answer, is
//! sent once more on a fresh connection, because some servers (llama-server) close a connection
//! after each response and a client that reuses it sees a reset; a stream without its end is an
//! error, never a short answer.
//!
//! Does not do: retries on a status, load, statistics.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{RequestBuilder, Response, Url};
use serde::de::DeserializeOwned;

use crate::openai::{ChatRequest, Envelope, ModelList, StreamOptions};

mod error;
mod events;
mod health;
mod ollama;
mod slots;
mod stream;

pub use error::ClientError;
pub use events::{TeamEvents, TeamUpdate};
pub use health::{EngineHealth, ServerHealth};
pub use ollama::OllamaStream;
pub use slots::{AgentSlots, EngineIdentity, EngineSlots};
pub use stream::{ChatEvent, ChatStream};

/// How long a connection may take to be made. The answer itself may take as long as it does: a
/// request can wait in a queue.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Most bytes of an error's body that are read.
const LONGEST_ERROR: usize = 64 * 1024;

/// A client of one server. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct Client {
    base: Url,
    pooled: reqwest::Client,
    fresh: reqwest::Client,
    authorization: Option<HeaderValue>,
}

impl Client {
    /// A client of the server at `base_url`, such as `http://127.0.0.1:4276`; a `/v1` at its end
    /// is allowed. A server on this host is never asked through a proxy.
    ///
    /// # Errors
    /// [`ClientError::Address`] when that is not an http or https URL; [`ClientError::Setup`] when
    /// TLS cannot be set up.
    pub fn new(base_url: &str) -> Result<Self, ClientError> {
        let base = base(base_url)?;
        // An error says that this process has a provider already: then that one is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            let mut builder =
                reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).tcp_nodelay(true);
            if is_this_host(&base) {
                builder = builder.no_proxy();
            }
            if base.scheme() == "http" {
                // Without TLS no certificate is needed, so none is read, and a machine without a
                // certificate store works too.
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
            base,
            authorization: None,
        })
    }

    /// The client, showing `key` with each request.
    ///
    /// # Errors
    /// [`ClientError::Key`] when it has characters that cannot be sent.
    pub fn with_key(mut self, key: &str) -> Result<Self, ClientError> {
        let mut value =
            HeaderValue::try_from(format!("Bearer {key}")).map_err(|_| ClientError::Key)?;
        // Kept out of what is printed for debugging.
        value.set_sensitive(true);
        self.authorization = Some(value);
        Ok(self)
    }

    /// The server's address, without `/v1`.
    pub fn base_url(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Asks for a streamed answer, whatever `request.stream` says; token counts are asked for
    /// unless `request.stream_options` is set. Resolves when the server has begun to answer.
    /// Dropping the future or the stream closes the connection, which cancels the request.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] or [`ClientError::Status`].
    pub async fn chat(&self, request: &ChatRequest) -> Result<ChatStream, ClientError> {
        let mut request = request.clone();
        request.stream = Some(true);
        request.stream_options.get_or_insert(StreamOptions { include_usage: Some(true) });
        let url = self.url("v1/chat/completions");
        let body = serde_json::to_vec(&request).map_err(|error| ClientError::Protocol {
            url: url.to_string(),
            reason: format!("the request cannot be written as JSON: {error}"),
        })?;
        let body = bytes::Bytes::from(body);
        let response = self
            .send(&url, |client| {
                client.post(url.clone()).header(CONTENT_TYPE, "application/json").body(body.clone())
            })
            .await?;
        Ok(ChatStream::new(url, response))
    }

    /// Names of the models that can be asked for.
    ///
    /// # Errors
    /// As [`Client::chat`], and [`ClientError::Protocol`] when the answer is not a model list.
    pub async fn models(&self) -> Result<Vec<String>, ClientError> {
        let list: ModelList = self.document("v1/models", "a model list").await?;
        Ok(list.data.into_iter().map(|card| card.id).collect())
    }

    /// What `path` holds, which should be `what`.
    async fn document<T: DeserializeOwned>(
        &self,
        path: &str,
        what: &str,
    ) -> Result<T, ClientError> {
        let url = self.url(path);
        let response = self.send(&url, |client| client.get(url.clone())).await?;
        let body = response
            .bytes()
            .await
            .map_err(|source| ClientError::Unreachable { url: url.to_string(), source })?;
        serde_json::from_slice(&body).map_err(|error| ClientError::Protocol {
            url: url.to_string(),
            reason: format!("not {what}: {error}"),
        })
    }

    /// Whether the server says that it can serve.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] when nobody answers, [`ClientError::Status`] when the server
    /// is there and not well.
    pub async fn health(&self) -> Result<(), ClientError> {
        let url = self.url("health");
        self.send(&url, |client| client.get(url.clone())).await.map(drop)
    }

    /// The request with our key, where we have one.
    fn signed(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.authorization {
            Some(authorization) => request.header(AUTHORIZATION, authorization.clone()),
            None => request,
        }
    }

    fn url(&self, path: &str) -> Url {
        self.base.join(path).expect("a base with a trailing slash takes any of these paths")
    }

    /// Sends, once more on a fresh connection where the first attempt broke before an answer, and
    /// turns every status but success into an error.
    async fn send(
        &self,
        url: &Url,
        request: impl Fn(&reqwest::Client) -> RequestBuilder,
    ) -> Result<Response, ClientError> {
        let unreachable = |source| ClientError::Unreachable { url: url.to_string(), source };
        let request = |client| self.signed(request(client));
        let response = match request(&self.pooled).send().await {
            Err(error) if !error.is_connect() && !error.is_timeout() && !error.is_builder() => {
                request(&self.fresh).send().await
            }
            first => first,
        }
        .map_err(unreachable)?;
        if response.status().is_success() { Ok(response) } else { Err(status(response).await) }
    }
}

fn base(text: &str) -> Result<Url, ClientError> {
    let wrong =
        |reason: &str| ClientError::Address { url: text.to_owned(), reason: reason.to_owned() };
    let trimmed = text.trim_end_matches('/');
    let trimmed = trimmed.strip_suffix("/v1").unwrap_or(trimmed);
    let url = Url::parse(&format!("{trimmed}/"))
        .map_err(|error| wrong(&format!("{error}: write it as http://HOST:PORT")))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong("not an http or https URL: write it as http://HOST:PORT"));
    }
    Ok(url)
}

fn is_this_host(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The error that a response with a bad status stands for.
async fn status(mut response: Response) -> ClientError {
    let status = response.status().as_u16();
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .map(Duration::from_secs);
    let mut body = Vec::new();
    // What cannot be read of an error's body does not hide the status.
    while let Ok(Some(piece)) = response.chunk().await {
        body.extend_from_slice(&piece);
        if body.len() >= LONGEST_ERROR {
            break;
        }
    }
    let message = serde_json::from_slice::<Envelope<'_>>(&body).map_or_else(
        |_| String::from_utf8_lossy(&body).trim().to_owned(),
        |envelope| envelope.error.message.into_owned(),
    );
    ClientError::Status { status, message, retry_after }
}

#[cfg(test)]
mod tests;
