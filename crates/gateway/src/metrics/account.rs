//! One request to an agent, from its arrival to its end.
//!
//! Invariants: every request is counted once, with one outcome: how its answer finished, the code of
//! its error, or `cancelled` when it is dropped before either; and its end is one line in the log.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use harmonic_api::Finish;
use harmonic_types::{AgentName, Usage};
use tokio::time::Instant;
use tracing::{Span, info};

use super::Metrics;
use super::answers::Asked;
use crate::api_error::ApiError;

/// One request to an agent.
#[derive(Debug)]
pub(crate) struct RequestMetrics {
    metrics: Arc<Metrics>,
    asked: Asked,
    began: Instant,
    first_token: OnceLock<Instant>,
    is_closed: bool,
    /// The request's: its handler may have returned when the answer ends.
    span: Span,
}

impl RequestMetrics {
    /// Of the request in whose span this is called, which came at `began`.
    pub(crate) fn open(metrics: Arc<Metrics>, agent: &AgentName, began: Instant) -> Self {
        Self {
            metrics,
            asked: Asked { gen_ai_request_model: agent.0.clone() },
            began,
            first_token: OnceLock::new(),
            is_closed: false,
            span: Span::current(),
        }
    }

    /// It got its slot after that time.
    pub(crate) fn granted(&self, queued: Duration) {
        self.metrics.answers.granted(&self.asked, queued);
    }

    /// A token came; only the first matters.
    pub(crate) fn token(&self) {
        self.first_token.get_or_init(Instant::now);
    }

    /// Its answer is complete, or all of its answers are: `usage` is their sum, `finish` the end of
    /// the first.
    pub(crate) fn finished(&mut self, finish: Finish, usage: Usage, answers: usize) {
        let now = Instant::now();
        let duration = now.duration_since(self.began);
        let first = self.first_token.get().copied();
        let first_token = first.map(|first| first.duration_since(self.began));
        // Of several answers at once, the time between the tokens of one is not known.
        let later = usage.completion_tokens.saturating_sub(1);
        let output_token = first
            .filter(|_| answers == 1 && later > 0)
            .map(|first| now.duration_since(first) / later);
        let answers = &self.metrics.answers;
        answers.used(&self.asked, usage);
        answers.took(&self.asked, duration, first_token, output_token);
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

    /// It has no answer. Whoever sends the error logs it.
    pub(crate) fn failed(&mut self, error: &ApiError) {
        self.close(error.code());
    }

    /// It has no whole answer.
    pub(crate) fn broke_off(&mut self, error: &ApiError) {
        let duration = milliseconds(self.began.elapsed());
        let finish = error.code();
        self.span.in_scope(|| info!(%error, duration_ms = duration, finish, "broken off"));
        self.close(finish);
    }

    fn close(&mut self, outcome: &'static str) {
        self.is_closed = true;
        self.metrics.answers.ended(&self.asked, outcome);
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
                    "closed before its end: the client went away, or the grace period was over"
                );
            });
            self.close("cancelled");
        }
    }
}

/// To a tenth.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}
