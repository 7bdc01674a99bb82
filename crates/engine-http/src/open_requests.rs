//! Open requests of an engine and their response channels.
//!
//! Invariant: every opened request gets exactly one reply to its submission and one final event,
//! even if the engine's task panics (the requests outlive it).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use harmonic_engine::{Admitted, Publisher};
use harmonic_events::Outcome;
use harmonic_types::{AgentName, Event, FinishReason, Rejection, RequestClass, RequestId, Usage};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use crate::answer::End;
use crate::body::Body;

/// A request without a final event yet.
#[derive(Debug)]
pub(crate) struct OpenRequest {
    /// The client's request id.
    pub(crate) request: RequestId,
    pub(crate) agent: AgentName,
    /// Index of its agent in the configuration.
    pub(crate) index: usize,
    pub(crate) class: RequestClass,
    /// Estimated tokens of its prompt.
    pub(crate) prompt_tokens: u32,
    /// Whether its answer may have more than one tool call.
    pub(crate) parallel_calls: bool,
    /// Taken when it is sent.
    pub(crate) body: Option<Body>,
    pub(crate) reply: Option<oneshot::Sender<Result<Admitted, Rejection>>>,
    pub(crate) events: mpsc::UnboundedSender<Event>,
}

/// Its place on the server.
#[derive(Debug)]
struct Running {
    admitted: Admitted,
    exchange: AbortHandle,
    /// Parts of the answer so far, about one per token.
    parts: u32,
}

/// Open requests, by the ids of the admission.
#[derive(Debug)]
pub(crate) struct OpenRequests {
    open: BTreeMap<RequestId, OpenRequest>,
    running: BTreeMap<RequestId, Running>,
    publisher: Publisher,
}

impl OpenRequests {
    pub(crate) fn new(publisher: Publisher) -> Self {
        Self { open: BTreeMap::new(), running: BTreeMap::new(), publisher }
    }

    pub(crate) fn publisher(&mut self) -> &mut Publisher {
        &mut self.publisher
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether any request is on the server.
    pub(crate) fn runs(&self) -> bool {
        !self.running.is_empty()
    }

    pub(crate) fn ids(&self) -> Vec<RequestId> {
        self.open.keys().copied().collect()
    }

    pub(crate) fn open(&mut self, id: RequestId, request: OpenRequest) {
        let OpenRequest { request: client, agent, class, prompt_tokens, .. } = &request;
        self.publisher.queued(*client, agent.clone(), *class, *prompt_tokens);
        self.open.insert(id, request);
    }

    /// Gives a request a slot; `start` begins its exchange.
    pub(crate) fn admit(
        &mut self,
        id: RequestId,
        queued: Duration,
        borrowed: bool,
        start: impl FnOnce(&mut OpenRequest) -> Option<AbortHandle>,
    ) {
        let Some(open) = self.open.get_mut(&id) else { return };
        let taken: BTreeSet<u32> =
            self.running.values().map(|running| running.admitted.slot).collect();
        let slot = (0..u32::MAX).find(|slot| !taken.contains(slot)).unwrap_or(u32::MAX);
        self.publisher.admitted(open.request, slot, borrowed, queued);
        let (request, prompt_tokens) = (open.request, open.prompt_tokens);
        let admitted = Admitted { request, slot, queued, prompt_tokens };
        if let Some(exchange) = start(open) {
            self.running.insert(id, Running { admitted, exchange, parts: 0 });
        }
    }

    /// Tells the client that its request runs, once the server has accepted it.
    pub(crate) fn accepted(&mut self, id: RequestId) {
        let reply = self.open.get_mut(&id).and_then(|open| open.reply.take());
        if let (Some(reply), Some(running)) = (reply, self.running.get(&id)) {
            // A failed send is ignored: the client is gone and cancels.
            let _gone = reply.send(Ok(running.admitted));
        }
    }

    /// Counts a part of an answer.
    pub(crate) fn part(&mut self, id: RequestId) {
        let (Some(open), Some(running)) = (self.open.get(&id), self.running.get_mut(&id)) else {
            return;
        };
        self.publisher.count_output(open.index, 1);
        if running.parts == 0 {
            self.publisher.first_token(open.request);
        }
        running.parts = running.parts.saturating_add(1);
    }

    /// Breaks off the exchange of a request. False if it has none: it was not admitted, or has
    /// ended.
    pub(crate) fn abort(&mut self, id: RequestId) -> bool {
        let running = self.running.get(&id);
        running.inspect(|running| running.exchange.abort()).is_some()
    }

    /// Sends the final event of a request whose exchange has ended; false if it is unknown.
    pub(crate) fn end(&mut self, id: RequestId, end: End) -> bool {
        let Some(mut open) = self.open.remove(&id) else { return false };
        let running = self.running.remove(&id);
        let parts = running.as_ref().map_or(0, |running| running.parts);
        let counted =
            Usage { prompt_tokens: open.prompt_tokens, completion_tokens: parts, cached_tokens: 0 };
        let (event, outcome, usage) = match end {
            End::Finished { reason, usage } => {
                if let Some(usage) = &usage {
                    self.count(open.index, usage, parts);
                } else if reason != FinishReason::Cancelled {
                    let agent = &open.agent;
                    tracing::warn!(%agent, "the server sent no token counts: they are estimated");
                }
                let usage = usage.unwrap_or(counted);
                (Event::Finished { reason, usage }, reason.into(), Some(usage))
            }
            End::Refused(message) => {
                self.publisher.finished(open.request, Outcome::Failed, None);
                match open.reply.take() {
                    Some(reply) => {
                        let _gone = reply.send(Err(Rejection::Invalid { message }));
                    }
                    // Not reached: a server refuses a request or accepts it.
                    None => {
                        let _gone = open.events.send(Event::Failed { message });
                    }
                }
                return true;
            }
            End::Failed(message) => (Event::Failed { message }, Outcome::Failed, None),
        };
        self.publisher.finished(open.request, outcome, usage);
        let _gone = open.events.send(event);
        if let Some(reply) = open.reply.take() {
            let admitted = running.map(|running| running.admitted);
            // A request that was cancelled in the queue: the deployment is being drained.
            let _gone = reply.send(admitted.ok_or(Rejection::Draining));
        }
        true
    }

    /// Counts what the server's own counts say beyond the parts of the answer.
    fn count(&mut self, agent: usize, usage: &Usage, parts: u32) {
        self.publisher.count_output(agent, usage.completion_tokens.saturating_sub(parts));
        let computed = usage.prompt_tokens.saturating_sub(usage.cached_tokens);
        self.publisher.count_prefill(agent, computed);
    }

    /// Fails all requests after the engine died.
    pub(crate) fn fail_all(&mut self, message: &str) {
        for (id, mut open) in std::mem::take(&mut self.open) {
            self.abort(id);
            self.publisher.finished(open.request, Outcome::Failed, None);
            let failure = format!("the engine has died: {message}");
            let _gone = open.events.send(Event::Failed { message: failure });
            if let Some(reply) = open.reply.take() {
                let message = message.to_owned();
                let _gone = reply.send(Err(Rejection::EngineDied { agent: open.agent, message }));
            }
        }
        self.running.clear();
    }
}
