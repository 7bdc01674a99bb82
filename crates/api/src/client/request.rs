//! Requests whose bodies the caller writes, for servers of others whose fields differ.

use bytes::Bytes;
use futures::StreamExt;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Response, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{ChatStream, Client, ClientError, OllamaStream, document, ollama};

/// Path of a streamed request, which determines how its response is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamedRequest {
    /// `/v1/chat/completions`.
    Chat,
    /// `/v1/completions`.
    Completion,
    /// `/api/chat`.
    OllamaChat,
    /// `/api/generate`.
    OllamaGenerate,
}

impl StreamedRequest {
    const fn path(self) -> &'static str {
        match self {
            Self::Chat => "v1/chat/completions",
            Self::Completion => "v1/completions",
            Self::OllamaChat => "api/chat",
            Self::OllamaGenerate => "api/generate",
        }
    }
}

impl Client {
    /// Sends `body`, which asks for a stream, as it is. Resolves with the response headers. Dropping
    /// the future or the stream closes the connection.
    ///
    /// # Errors
    /// As [`Client::chat`].
    pub async fn stream(
        &self,
        request: StreamedRequest,
        body: &Value,
    ) -> Result<OllamaStream, ClientError> {
        let url = self.url(request.path());
        let response = self.post(&url, body).await?;
        Ok(match request {
            StreamedRequest::Chat => ChatStream::new(url, response).boxed(),
            StreamedRequest::Completion => ChatStream::of_texts(url, response).boxed(),
            StreamedRequest::OllamaChat | StreamedRequest::OllamaGenerate => {
                ollama::stream(&url, response)
            }
        })
    }

    /// JSON document that `POST` of `body` to `path` gives; `expected` describes it in errors.
    ///
    /// # Errors
    /// As [`Client::chat`], and [`ClientError::Protocol`] for another document.
    pub async fn exchange<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
        expected: &str,
    ) -> Result<T, ClientError> {
        let url = self.url(path);
        let response = self.post(&url, body).await?;
        document(&url, response, expected).await
    }

    pub(super) async fn post(
        &self,
        url: &Url,
        body: &impl Serialize,
    ) -> Result<Response, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| ClientError::Protocol {
            url: url.to_string(),
            reason: format!("the request cannot be written as JSON: {error}"),
        })?;
        let body = Bytes::from(body);
        self.send(url, |client| {
            client.post(url.clone()).header(CONTENT_TYPE, "application/json").body(body.clone())
        })
        .await
    }
}
