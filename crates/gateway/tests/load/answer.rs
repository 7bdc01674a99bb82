//! What one request was answered with.
//!
//! Invariants: an answer that breaks off, or has no token counts, is an error.

use anyhow::{Context, bail, ensure};
use axum::http::header::RETRY_AFTER;
use axum::http::{Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;

/// The last words of a stream.
const DONE: &[u8] = b"data: [DONE]\n\n";

/// An answer to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It ran to its end.
    Whole {
        /// Tokens, as the server counted them.
        tokens: u64,
    },
    /// 429.
    Refused {
        /// Seconds that the client is told to wait.
        retry_after: u64,
        /// Requests that wait before it, as the server says.
        waiting: u32,
    },
}

impl Answer {
    /// Reads the rest of `response`, streamed or not.
    pub async fn read(response: Response<Incoming>) -> anyhow::Result<Self> {
        let status = response.status();
        let retry_after = response.headers().get(RETRY_AFTER).cloned();
        let body = response.into_body().collect().await?.to_bytes();
        let shown = || String::from_utf8_lossy(&body).into_owned();
        match status {
            StatusCode::OK => {
                let tokens = tokens(&body).with_context(shown)?;
                Ok(Self::Whole { tokens })
            }
            StatusCode::TOO_MANY_REQUESTS => {
                let retry_after = retry_after.context("429 without Retry-After")?;
                let retry_after = retry_after.to_str()?.parse()?;
                let waiting = waiting(&body).with_context(shown)?;
                Ok(Self::Refused { retry_after, waiting })
            }
            _ => bail!("{status}: {}", shown()),
        }
    }
}

/// The server's count in a whole body, or in the last event of a stream.
fn tokens(body: &[u8]) -> anyhow::Result<u64> {
    let json = if body.starts_with(b"data: ") {
        let events = body.strip_suffix(DONE).context("the stream breaks off")?;
        let text = std::str::from_utf8(events)?.trim_end();
        text.rsplit("data: ").next().unwrap_or_default()
    } else {
        std::str::from_utf8(body)?
    };
    let value: Value = serde_json::from_str(json)?;
    value["usage"]["completion_tokens"].as_u64().context("no count of tokens")
}

/// From the words `(256 waiting)`.
fn waiting(body: &[u8]) -> anyhow::Result<u32> {
    let text = std::str::from_utf8(body)?;
    ensure!(text.contains("queue of") && text.contains("is full"), "refused for another reason");
    let (before, _) = text.split_once(" waiting)").context("it says not how many wait")?;
    let (_, count) = before.rsplit_once('(').context("it says not how many wait")?;
    Ok(count.parse()?)
}
