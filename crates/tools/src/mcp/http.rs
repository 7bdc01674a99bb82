//! HTTP for rmcp's transport, with answers bounded while they are read.
//!
//! rmcp's own client refuses an answer that is too long; this one shortens its texts while they
//! arrive, so that its beginning is there. A stream for messages that no call asked for is not
//! opened: nothing is done with them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{BoxStream, Stream, StreamExt};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use rmcp::model::{ClientJsonRpcMessage, JsonRpcMessage, RequestId, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_client::{
    StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
};
use sse_stream::{Error as SseError, Sse, SseStream};

use super::diagnosis::Diagnosis;
use super::string_limit::StringLimit;
use crate::limits::{MESSAGE_BYTES, TEXT_BYTES};
use crate::output::quoted;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const SESSION: &str = "mcp-session-id";
const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";
/// Bytes that are read of an error's body.
const ERROR_BYTES: usize = 16 << 10;

/// A client with bounded answers.
#[derive(Clone, Debug)]
pub(super) struct BoundedHttp {
    client: Client,
    diagnosis: Arc<Diagnosis>,
}

/// Failure of an exchange.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    #[error("{}", causes(.0))]
    Request(#[from] reqwest::Error),
    #[error("it sent an answer of more than {} MiB: ask it for less", MESSAGE_BYTES >> 20)]
    TooLarge,
    #[error("it answered {status}{words}{remedy}")]
    Status { status: StatusCode, words: String, remedy: &'static str },
    #[error("it sent an answer that is not a message of MCP: {0}")]
    Unreadable(String),
    #[error("it answered with content of type `{0}`: check that the url is that of an MCP server")]
    ContentType(String),
}

type Failure = StreamableHttpError<HttpError>;

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        Self::Client(error)
    }
}

/// An error with its causes, of which reqwest names only the first.
fn causes(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

impl BoundedHttp {
    /// # Errors
    /// If the system's certificates or proxies cannot be used.
    pub(super) fn new(diagnosis: Arc<Diagnosis>) -> Result<Self, reqwest::Error> {
        // An error means that a provider was set before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // A redirection could take the headers, and with them the key, to another server.
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { client, diagnosis })
    }

    async fn post(
        &self,
        request: RequestBuilder,
        message: &ClientJsonRpcMessage,
        in_session: bool,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        let response = request.json(message).send().await.map_err(HttpError::from)?;
        let status = response.status();
        if status == StatusCode::NOT_FOUND && in_session {
            return Err(StreamableHttpError::SessionExpired);
        }
        if matches!(status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
            return Ok(StreamableHttpPostResponse::Accepted);
        }
        let session = text_of(response.headers(), SESSION);
        let kind = text_of(response.headers(), CONTENT_TYPE.as_str()).unwrap_or_default();
        if !status.is_success() {
            let body = beginning(response, ERROR_BYTES).await;
            let error = serde_json::from_slice(&body).ok();
            if let Some(message @ JsonRpcMessage::Error(_)) = error {
                return Ok(StreamableHttpPostResponse::Json(message, session));
            }
            return Err(status_error(status, &body).into());
        }
        let request = match message {
            JsonRpcMessage::Request(request) => Some(request.id.clone()),
            _ => None,
        };
        if kind.starts_with(EVENTS) {
            let bytes = bounded(response, Arc::clone(&self.diagnosis), request);
            let events = SseStream::from_bytes_stream(Box::pin(bytes)).boxed();
            return Ok(StreamableHttpPostResponse::Sse(events, session));
        }
        // A notification needs no answer, whatever it is.
        let Some(request) = request else { return Ok(StreamableHttpPostResponse::Accepted) };
        if !kind.starts_with(JSON) {
            return Err(HttpError::ContentType(quoted(&kind)).into());
        }
        let mut body = Vec::new();
        let mut parts = Box::pin(bounded(response, Arc::clone(&self.diagnosis), Some(request)));
        while let Some(part) = parts.next().await {
            body.extend_from_slice(&part?);
        }
        let message: ServerJsonRpcMessage = serde_json::from_slice(&body)
            .map_err(|error| HttpError::Unreadable(quoted(&error.to_string())))?;
        Ok(StreamableHttpPostResponse::Json(message, session))
    }
}

impl StreamableHttpClient for BoundedHttp {
    type Error = HttpError;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        _auth: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        let request = self.client.post(uri.as_ref()).header(ACCEPT, format!("{JSON}, {EVENTS}"));
        let in_session = session.is_some();
        self.diagnosis.forget_fault();
        let posted = self.post(with(request, session, headers), &message, in_session).await;
        if let Err(StreamableHttpError::Client(error)) = &posted {
            self.diagnosis.set_fault(error.to_string());
        }
        posted
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session: Arc<str>,
        _auth: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), Failure> {
        let request = with(self.client.delete(uri.as_ref()), Some(session), headers);
        // A server may refuse to end a session; it then ends by itself.
        request.send().await.map_err(HttpError::from)?;
        Ok(())
    }

    async fn get_stream(
        &self,
        _uri: Arc<str>,
        _session: Option<Arc<str>>,
        _last_event: Option<String>,
        _auth: Option<String>,
        _headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<BoxStream<'static, Result<Sse, SseError>>, Failure> {
        Err(StreamableHttpError::ServerDoesNotSupportSse)
    }
}

fn with(
    request: RequestBuilder,
    session: Option<Arc<str>>,
    headers: HashMap<HeaderName, HeaderValue>,
) -> RequestBuilder {
    let request = request.headers(headers.into_iter().collect());
    match session {
        Some(session) => request.header(SESSION, session.as_ref()),
        None => request,
    }
}

fn text_of(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

fn status_error(status: StatusCode, body: &[u8]) -> HttpError {
    let words = quoted(&String::from_utf8_lossy(body));
    let words = if words.is_empty() { words } else { format!(" (`{words}`)") };
    let remedy = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            ": put a valid `Authorization` into the `headers` of its configuration"
        }
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
            ": check that the url is that of an MCP server with streamable HTTP"
        }
        status if status.is_redirection() => ": configure the url that it redirects to",
        _ => "",
    };
    HttpError::Status { status, words, remedy }
}

async fn beginning(response: Response, limit: usize) -> Vec<u8> {
    let mut body = Vec::new();
    let mut parts = response.bytes_stream();
    while let Some(Ok(part)) = parts.next().await {
        body.extend_from_slice(&part[..part.len().min(limit - body.len())]);
        if body.len() == limit {
            break;
        }
    }
    body
}

/// The body of `response` with long texts shortened; an error where it is too large all the same.
fn bounded(
    response: Response,
    diagnosis: Arc<Diagnosis>,
    request: Option<RequestId>,
) -> impl Stream<Item = Result<Bytes, HttpError>> {
    let mut filter = StringLimit::new(TEXT_BYTES);
    let mut passed = 0;
    let mut cut = 0;
    response.bytes_stream().map(move |part| {
        let mut output = Vec::new();
        filter.push(&part?, &mut output);
        cut += filter.take_cut();
        if let Some(request) = &request {
            diagnosis.note_cut(request.clone(), cut);
        }
        passed += output.len();
        if passed > MESSAGE_BYTES {
            diagnosis.set_fault(HttpError::TooLarge.to_string());
            return Err(HttpError::TooLarge);
        }
        Ok(output.into())
    })
}
