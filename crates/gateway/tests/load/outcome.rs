//! Outcome of one request.
//!
//! Invariants: an incomplete answer, or one without token counts, is an error.

use anyhow::{Context, bail, ensure};
use axum::http::header::RETRY_AFTER;
use axum::http::{Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;

/// End of a complete stream.
const DONE: &[u8] = b"data: [DONE]\n\n";

/// Outcome of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A complete answer.
    Complete {
        /// Completion tokens, as counted by the server.
        tokens: u64,
    },
    /// Status 429.
    Rejected {
        /// `retry-after`, in seconds.
        retry_after: u64,
        /// Queued requests, as reported by the server.
        waiting: u32,
    },
}

impl Outcome {
    /// Reads the body of `response`, streamed or not.
    pub async fn read(response: Response<Incoming>) -> anyhow::Result<Self> {
        let status = response.status();
        let retry_after = response.headers().get(RETRY_AFTER).cloned();
        let body = response.into_body().collect().await?.to_bytes();
        let shown = || String::from_utf8_lossy(&body).into_owned();
        match status {
            StatusCode::OK => {
                let tokens = tokens(&body).with_context(shown)?;
                Ok(Self::Complete { tokens })
            }
            StatusCode::TOO_MANY_REQUESTS => {
                let retry_after = retry_after.context("429 without Retry-After")?;
                let retry_after = retry_after.to_str()?.parse()?;
                let waiting = waiting(&body).with_context(shown)?;
                Ok(Self::Rejected { retry_after, waiting })
            }
            _ => bail!("{status}: {}", shown()),
        }
    }
}

/// Completion tokens in a JSON body, or in the last event of a stream.
fn tokens(body: &[u8]) -> anyhow::Result<u64> {
    let json = if body.starts_with(b"data: ") {
        let events = body.strip_suffix(DONE).context("the stream is incomplete")?;
        let text = std::str::from_utf8(events)?.trim_end();
        text.rsplit("data: ").next().unwrap_or_default()
    } else {
        std::str::from_utf8(body)?
    };
    let value: Value = serde_json::from_str(json)?;
    value["usage"]["completion_tokens"].as_u64().context("no count of tokens")
}

/// Queued requests, from the text `(256 waiting)`.
fn waiting(body: &[u8]) -> anyhow::Result<u32> {
    let text = std::str::from_utf8(body)?;
    ensure!(text.contains("queue of") && text.contains(" is full"), "refused for another reason");
    let (before, _) = text.split_once(" waiting)").context("no number of queued requests")?;
    let (_, count) = before.rsplit_once('(').context("no number of queued requests")?;
    Ok(count.parse()?)
}
