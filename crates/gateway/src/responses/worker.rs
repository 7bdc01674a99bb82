//! Work on a response in the background, to its end.
//!
//! Invariants: it goes on whether or not a client listens; a cancel drops the generation, and so
//! frees its slot.

use std::sync::Arc;
use std::time::Duration;

use harmonic_api::ResponseEncoder;
use harmonic_engine::{Engine, Generation};
use harmonic_types::{AgentName, Request, RunState};

use super::background::BackgroundResponse;
use super::store::BackgroundResponses;
use crate::answer::{is_last, result_of};
use crate::api_error::ApiError;
use crate::metrics::RequestMetrics;
use crate::runs::Runs;

/// What an agent is asked for.
pub(crate) struct Question {
    pub(crate) agent: AgentName,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) request: Request,
    /// Time that it may wait for a slot.
    pub(crate) queue_timeout: Duration,
}

/// Lets an agent answer.
pub(crate) async fn answer(
    response: Arc<BackgroundResponse>,
    question: Question,
    mut metrics: RequestMetrics,
) {
    let answered = async {
        let Question { agent, engine, request, queue_timeout: waited } = question;
        let submitted = match tokio::time::timeout(waited, engine.submit(request)).await {
            Ok(submitted) => submitted.map_err(ApiError::from),
            Err(_) => Err(ApiError::QueueTimeout { agent, waited }),
        };
        let generation = submitted.map_err(|error| metrics.record_failure(error))?;
        metrics.admitted(generation.admitted().queued);
        follow(&response, generation, &mut metrics).await
    };
    tokio::select! {
        biased;
        () = response.cancelled() => response.end(harmonic_api::openai::responses::ResponsesEncoder::cancel),
        answered = answered => if let Err(error) = answered {
            response.end(|encoder, out| encoder.fail(&error.wire_error(), out));
        }
    }
}

/// Follows the run that `response` is.
pub(crate) async fn follow_run(
    response: Arc<BackgroundResponse>,
    generation: Generation,
    mut metrics: RequestMetrics,
    runs: Arc<dyn Runs>,
    kept: &BackgroundResponses,
) {
    let followed = tokio::select! {
        biased;
        // The run was stopped before.
        () = response.cancelled() => return response.end(harmonic_api::openai::responses::ResponsesEncoder::cancel),
        followed = follow(&response, generation, &mut metrics) => followed,
    };
    let Err(error) = followed else { return };
    if response.is_cancelled() {
        return response.end(harmonic_api::openai::responses::ResponsesEncoder::cancel);
    }
    let Some(run) = response.run.clone() else { return };
    let state = runs.show(response.owner.clone(), run).await.map(|record| record.state.clone());
    if let Ok(RunState::Failed { .. }) = state {
        response.end(|encoder, out| encoder.fail(&error.wire_error(), out));
    } else {
        // It can go on: what it is then is read from its journal.
        kept.remove(&response);
        response.end(|_, _| {});
    }
}

/// Writes what comes of `generation`.
async fn follow(
    response: &BackgroundResponse,
    mut generation: Generation,
    metrics: &mut RequestMetrics,
) -> Result<(), ApiError> {
    let prompt_tokens = generation.admitted().prompt_tokens;
    response.write(|encoder, out| encoder.open(prompt_tokens, out));
    let last = loop {
        match generation.next().await {
            Some(event) if !is_last(Some(&event)) => {
                metrics.token();
                response.write(|encoder, out| encoder.event(0, &event, out));
            }
            last => break last,
        }
    };
    match result_of(last) {
        Ok((finish, usage)) => {
            metrics.finished(finish, usage, 1);
            response.end(|encoder, out| {
                encoder.end(0, finish, usage, out);
                encoder.close(usage, out);
            });
            Ok(())
        }
        Err(error) => {
            metrics.broke_off(&error);
            Err(error)
        }
    }
}
