//! Open requests of one engine and their response channels.
//!
//! Owns: the response channel of each request, and the decoding of its answer.
//!
//! Invariant: every opened request gets exactly one final event, even if the engine thread panics
//! (the registry outlives the loop).

use std::collections::HashMap;

use harmonic_admission::AgentLoad;
use harmonic_batching::{Batch, Finished};
use harmonic_events::Outcome;
use harmonic_types::{
    AgentName, Event, FinishReason, Rejection, RequestClass, RequestId, TokenBytes, TokenLogprob,
};
use tokio::sync::{mpsc, oneshot};

use crate::call_id;
use crate::chat::{AnswerDelta, CallTracker, Decoded, Decoder, ReasoningTracker};
use crate::constraint::Constraint;
use crate::engine::Health;
use crate::generation::Admitted;
use crate::publisher::Publisher;
use crate::sampling::{Failure, SampledToken, Sampler};
use crate::scheduler::{Change, Grant, Job};
use crate::status::SharedStatus;
use crate::thread::OpenRequests;

/// A request to be submitted to the scheduler.
#[derive(Debug)]
pub struct Submission {
    pub(crate) job: Job,
    pub(crate) open: PendingRequest,
}

impl Submission {
    /// Constrains the answer from `start` on.
    pub(crate) fn constrain(&mut self, constraint: Constraint, start: ConstraintStart) {
        let sampler = self.open.sampler.take().map(|sampler| sampler.with_constraint(constraint));
        self.open.sampler = sampler.map(|sampler| match start {
            ConstraintStart::AfterReasoning(tracker) => sampler.with_reasoning(tracker),
            ConstraintStart::InCall(tracker) => sampler.with_call_tracker(tracker),
        });
    }
}

/// Point in an answer at which its constraint starts.
#[derive(Debug)]
pub(crate) enum ConstraintStart {
    /// After the reasoning, if there is any.
    AfterReasoning(Option<ReasoningTracker>),
    /// In the first tool call; text before it is free.
    InCall(CallTracker),
}

/// A request without a final event yet.
#[derive(Debug)]
pub(crate) struct PendingRequest {
    pub(crate) client: ResponseSink,
    /// Index of its agent in the configuration.
    pub(crate) agent: usize,
    pub(crate) class: RequestClass,
    pub(crate) prompt_tokens: u32,
    pub(crate) progress: Progress,
    /// Moved to the machine's samplers at admission.
    pub(crate) sampler: Option<Sampler>,
}

/// How far a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing of its prompt is computed yet.
    Untouched,
    /// Its prompt is computed.
    Prefill,
    /// Its first token was sampled.
    Decode,
}
/// Response channel of one request.
#[derive(Debug)]
pub(crate) struct ResponseSink {
    /// The client's request id.
    pub(crate) request: RequestId,
    pub(crate) agent: AgentName,
    pub(crate) decoder: Decoder,
    pub(crate) admitted: Option<oneshot::Sender<Result<Admitted, Rejection>>>,
    pub(crate) events: mpsc::UnboundedSender<Event>,
}

impl PendingRequest {
    /// Ends a request that was not admitted.
    pub(crate) fn reject(mut self, rejection: Rejection) {
        self.client.reply(Err(rejection));
    }
}

impl ResponseSink {
    /// Answers the submission, once. A failed send is ignored: the client is gone and cancels.
    fn reply(&mut self, answer: Result<Admitted, Rejection>) {
        if let Some(admitted) = self.admitted.take() {
            let _gone = admitted.send(answer);
        }
    }

    fn send(&self, event: Event) {
        let _gone = self.events.send(event);
    }

    /// Sends the events of a decoded token; `logprobs` go with its text, or with empty text.
    fn send_decoded(&self, decoded: Decoded, logprobs: Option<TokenLogprob>) {
        let mut logprobs: Vec<TokenLogprob> = logprobs.into_iter().collect();
        if !decoded.reasoning.is_empty() {
            self.send(Event::Reasoning { text: decoded.reasoning });
        }
        for piece in decoded.answer {
            self.send(match piece {
                AnswerDelta::Text(text) => {
                    Event::Text { text, logprobs: std::mem::take(&mut logprobs) }
                }
                AnswerDelta::Call { index, name } => {
                    Event::ToolCall { index, id: call_id::next_call_id(), name }
                }
                AnswerDelta::Arguments { index, text } => Event::ToolArguments { index, text },
            });
        }
        if !logprobs.is_empty() {
            self.send(Event::Text { text: String::new(), logprobs });
        }
    }
}

/// Open requests of one engine, by scheduler id.
pub struct RequestRegistry {
    open: HashMap<RequestId, PendingRequest>,
    status: SharedStatus,
    publisher: Publisher,
}

impl std::fmt::Debug for RequestRegistry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestRegistry").field("open", &self.open.len()).finish_non_exhaustive()
    }
}

impl RequestRegistry {
    pub(crate) fn new(status: SharedStatus, publisher: Publisher) -> Self {
        Self { open: HashMap::new(), status, publisher }
    }

    pub(crate) fn open(&mut self, id: RequestId, open: PendingRequest) {
        let ResponseSink { request, agent, .. } = &open.client;
        self.publisher.queued(*request, agent.clone(), open.class, open.prompt_tokens);
        self.open.insert(id, open);
    }

    /// The way to the event stream.
    pub(crate) fn publisher(&mut self) -> &mut Publisher {
        &mut self.publisher
    }

    /// Publishes a change of what runs; requests that nobody waits for are passed over.
    pub(crate) fn changed(&self, change: &Change) {
        let (Change::Start(Grant { id, .. })
        | Change::Preempt { id }
        | Change::Resume { id, .. }
        | Change::Move { id, .. }) = change;
        if let Some(open) = self.open.get(id) {
            self.publisher.changed(change, open.client.request);
        }
    }

    /// Counts the tokens of prompts that a step computes, and publishes whose first they are.
    pub(crate) fn computes(&mut self, batch: &Batch) {
        for row in &batch.rows {
            let open = self.open.get_mut(&row.request);
            let Some(open) = open.filter(|open| open.progress != Progress::Decode) else {
                continue;
            };
            self.publisher.count_prefill(open.agent, u32::try_from(row.len).unwrap_or(u32::MAX));
            if open.progress == Progress::Untouched {
                open.progress = Progress::Prefill;
                self.publisher.prefill_started(open.client.request, row.position);
            }
        }
    }
    /// Reports admission to the client; returns the request's sampler.
    pub(crate) fn grant(&mut self, grant: &Grant) -> Option<Sampler> {
        let open = self.open.get_mut(&grant.id)?;
        open.client.reply(Ok(Admitted {
            request: open.client.request,
            slot: grant.seq.0,
            queued: grant.queued,
            prompt_tokens: open.prompt_tokens,
        }));
        open.sampler.take()
    }

    /// Sends the text of a token to the client; whether it ends the answer.
    pub(crate) fn emit(&mut self, id: RequestId, choice: SampledToken) -> bool {
        if let Some(failure) = choice.failure {
            // Final event: the scheduler's end of the request finds it removed.
            if let Some(PendingRequest { client, .. }) = self.open.remove(&id) {
                let (event, outcome) = match failure {
                    Failure::Form(message) => (Event::FormBroken { message }, Outcome::FormBroken),
                    Failure::Model(message) => (Event::Failed { message }, Outcome::Failed),
                };
                client.send(event);
                self.publisher.finished(client.request, outcome, None);
            }
            return true;
        }
        let Some(PendingRequest { client, agent, progress, .. }) = self.open.get_mut(&id) else {
            return false;
        };
        self.publisher.count_output(*agent, 1);
        if *progress != Progress::Decode {
            *progress = Progress::Decode;
            self.publisher.first_token(client.request);
        }
        let decoded = client.decoder.push(choice.token);
        let logprobs = choice.logprobs.map(|found| {
            let bytes = |token| TokenBytes(client.decoder.token_bytes(token));
            TokenLogprob {
                token: bytes(choice.token),
                logprob: found.chosen,
                top: found.top.into_iter().map(|(token, ln_p)| (bytes(token), ln_p)).collect(),
            }
        });
        let stop = decoded.stop;
        client.send_decoded(decoded, logprobs);
        stop
    }

    /// Sends the final event of a request; false if it is unknown.
    pub(crate) fn finish(&mut self, finished: &Finished) -> bool {
        let Some(PendingRequest { mut client, .. }) = self.open.remove(&finished.id) else {
            return false;
        };
        let rest = client.decoder.finish(finished.reason == FinishReason::Length);
        client.send_decoded(rest, None);
        let reason = match (finished.reason, client.decoder.stop_index()) {
            (FinishReason::Stop, _) if client.decoder.called() => FinishReason::ToolCalls,
            (FinishReason::Stop, Some(index)) => FinishReason::StopString { index },
            (reason, _) => reason,
        };
        client.send(Event::Finished { reason, usage: finished.usage });
        self.publisher.finished(client.request, reason.into(), Some(finished.usage)); // No effect unless it was cancelled in the queue.
        client.reply(Err(Rejection::Draining));
        true
    }

    pub(crate) fn publish(&self, load: Vec<AgentLoad>) {
        self.status.write(|status| status.load = load);
    }

    pub(crate) fn draining(&self) {
        self.status.write(|status| status.health = Health::Draining);
    }
}

impl OpenRequests for RequestRegistry {
    fn fail_all(&mut self, message: &str) {
        for (_, PendingRequest { mut client, .. }) in self.open.drain() {
            client.send(Event::Failed { message: format!("the engine has died: {message}") });
            let agent = client.agent.clone();
            client.reply(Err(Rejection::EngineDied { agent, message: message.to_owned() }));
            self.publisher.finished(client.request, Outcome::Failed, None);
        }
    }
}

#[cfg(test)]
mod tests;
