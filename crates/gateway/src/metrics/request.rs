//! Metrics and log line of one request to an agent.
//!
//! Invariants: every request is counted once, with one outcome: the finish reason, the code of its
//! error, or `cancelled` when it is dropped before either; its end is one line in the log.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use harmonic_api::Finish;
use harmonic_types::{AgentName, Usage};
use tokio::time::Instant;
use tracing::{Span, info};

use super::Metrics;
use super::answers::AgentLabel;
use crate::api_error::ApiError;

/// Metrics of one request to an agent, from its arrival to its end.
#[derive(Debug)]
pub(crate) struct RequestMetrics {
    metrics: Arc<Metrics>,
    labels: AgentLabel,
    began: Instant,
    first_token: OnceLock<Instant>,
    is_closed: bool,
    /// Span of the request, kept because its handler may return before the answer ends.
    span: Span,
}

impl RequestMetrics {
    /// Metrics of the request of the current span, which arrived at `began`.
    pub(crate) fn open(metrics: Arc<Metrics>, agent: &AgentName, began: Instant) -> Self {
        Self {
            metrics,
            labels: AgentLabel { gen_ai_request_model: agent.0.clone() },
            began,
            first_token: OnceLock::new(),
            is_closed: false,
            span: Span::current(),
        }
    }

    /// The request was admitted after `queued`.
    pub(crate) fn admitted(&self, queued: Duration) {
        self.metrics.answers.admitted(&self.labels, queued);
    }

    /// A token was generated; only the first is recorded.
    pub(crate) fn token(&self) {
        self.first_token.get_or_init(Instant::now);
    }

    /// All answers of the request are complete: `usage` is their sum, `finish` the finish reason of
    /// the first.
    pub(crate) fn finished(&mut self, finish: Finish, usage: Usage, answers: usize) {
        let now = Instant::now();
        let duration = now.duration_since(self.began);
        let first = self.first_token.get().copied();
        let first_token = first.map(|first| first.duration_since(self.began));
        // With several answers, the time between the tokens of one is not known.
        let later = usage.completion_tokens.saturating_sub(1);
        let output_token = first
            .filter(|_| answers == 1 && later > 0)
            .map(|first| now.duration_since(first) / later);
        let answers = &self.metrics.answers;
        answers.count_tokens(&self.labels, usage);
        answers.observe_times(&self.labels, duration, first_token, output_token);
        self.span.in_scope(|| {
            info!(
                prompt_tokens = usage.prompt_tokens,
                cached_tokens = usage.cached_tokens,
                completion_tokens = usage.completion_tokens,
                ttft_ms = first_token.map(milliseconds),
                tpot_ms = output_token.map(milliseconds),
                duration_ms = milliseconds(duration),
                finish = finish.as_str(),
                "answered"
            );
        });
        self.close(finish.as_str());
    }

    /// The request failed before its answer with `error`, which is returned; it is logged with its
    /// response.
    pub(crate) fn record_failure(&mut self, error: ApiError) -> ApiError {
        self.close(error.code());
        error
    }

    /// The request failed during its answer.
    pub(crate) fn broke_off(&mut self, error: &ApiError) {
        let duration = milliseconds(self.began.elapsed());
        let finish = error.code();
        self.span
            .in_scope(|| info!(%error, duration_ms = duration, finish, "failed in mid-stream"));
        self.close(finish);
    }

    fn close(&mut self, outcome: &'static str) {
        self.is_closed = true;
        self.metrics.answers.count_outcome(&self.labels, outcome);
    }
}

impl Drop for RequestMetrics {
    fn drop(&mut self) {
        if !self.is_closed {
            let duration = self.began.elapsed();
            self.span.in_scope(|| {
                info!(
                    duration_ms = milliseconds(duration),
                    finish = "cancelled",
                    "cancelled: the client disconnected, or the grace period was over"
                );
            });
            self.close("cancelled");
        }
    }
}

/// Milliseconds, rounded to a tenth.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}
