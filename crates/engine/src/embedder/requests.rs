//! Open requests for embeddings, and the batches made of their inputs.
//!
//! Invariants: every request is answered once, even if the engine thread panics; a batch takes at
//! most one input of a request before each other request in flight of its tier had its turn.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use harmonic_admission::AgentLoad;
use harmonic_batching::Token;
use harmonic_events::Outcome;
use harmonic_types::{AgentName, Rejection, RequestClass, RequestId, Usage};
use tokio::sync::oneshot;

use crate::embedding_run::Vectors;
use crate::engine::Health;
use crate::generation::Admitted;
use crate::publisher::Publisher;
use crate::status::SharedStatus;
use crate::thread::OpenRequests;

/// A request with its tokenised inputs.
#[derive(Debug)]
pub(crate) struct OpenRequest {
    /// The client's request id.
    pub(crate) request: RequestId,
    pub(crate) agent: AgentName,
    /// Index of the agent in the configuration.
    pub(crate) index: usize,
    pub(crate) inputs: Inputs,
    pub(crate) admission: Option<oneshot::Sender<Result<Admitted, Rejection>>>,
    pub(crate) result: oneshot::Sender<Result<Vectors, String>>,
}

/// Inputs of a request, and the vectors of those that are computed.
#[derive(Debug)]
pub(crate) struct Inputs {
    waiting: VecDeque<(usize, Vec<Token>)>,
    vectors: Vectors,
    /// Inputs without a vector.
    left: usize,
    tokens: u32,
    /// Number of the last batch with one of them.
    served: u64,
}

impl Inputs {
    pub(crate) fn new(inputs: Vec<Vec<Token>>) -> Self {
        let tokens = inputs.iter().map(Vec::len).sum::<usize>();
        Self {
            vectors: vec![Vec::new(); inputs.len()],
            left: inputs.len(),
            tokens: u32::try_from(tokens).unwrap_or(u32::MAX),
            waiting: inputs.into_iter().enumerate().collect(),
            served: 0,
        }
    }

    fn usage(&self) -> Usage {
        Usage { prompt_tokens: self.tokens, completion_tokens: 0, cached_tokens: 0 }
    }
}

/// One input of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BatchInput {
    id: RequestId,
    /// Position in its request.
    at: usize,
    pub(super) tokens: Vec<Token>,
}

/// Limits of a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchLimits {
    pub(super) tokens: usize,
    pub(super) inputs: usize,
}

/// Open requests of one engine.
pub(crate) struct EmbeddingRequests {
    open: BTreeMap<RequestId, OpenRequest>,
    /// Slots of the requests in flight.
    slots: BTreeMap<RequestId, u32>,
    batches: u64,
    status: SharedStatus,
    publisher: Publisher,
}

impl EmbeddingRequests {
    pub(crate) fn new(status: SharedStatus, publisher: Publisher) -> Self {
        let (open, slots) = (BTreeMap::new(), BTreeMap::new());
        Self { open, slots, batches: 0, status, publisher }
    }

    pub(super) fn publisher(&mut self) -> &mut Publisher {
        &mut self.publisher
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(super) fn ids(&self) -> Vec<RequestId> {
        self.open.keys().copied().collect()
    }

    pub(super) fn open(&mut self, id: RequestId, request: OpenRequest) {
        let OpenRequest { request: client, agent, inputs, .. } = &request;
        let class = RequestClass::Interactive;
        self.publisher.queued(*client, agent.clone(), class, inputs.tokens);
        self.open.insert(id, request);
    }

    /// Whether nothing of the request has been computed.
    pub(super) fn is_untouched(&self, id: RequestId) -> bool {
        self.open.get(&id).is_some_and(|open| open.inputs.served == 0)
    }

    /// Gives the request a slot, and reports that to the client.
    pub(super) fn admit(&mut self, id: RequestId, queued: Duration, borrowed: bool) {
        let Some(open) = self.open.get_mut(&id) else { return };
        let taken: BTreeSet<u32> = self.slots.values().copied().collect();
        let slot = (0..u32::MAX).find(|slot| !taken.contains(slot)).unwrap_or(u32::MAX);
        self.slots.insert(id, slot);
        self.publisher.admitted(open.request, slot, borrowed, queued);
        let (request, prompt_tokens) = (open.request, open.inputs.tokens);
        if let Some(admission) = open.admission.take() {
            // A failed send is ignored: the client is gone and cancels.
            let _gone = admission.send(Ok(Admitted { request, slot, queued, prompt_tokens }));
        }
    }

    /// Takes a batch of the requests in flight; `rank` is their urgency, lower first. Requests of
    /// one rank take turns, in a batch and from one to the next.
    pub(super) fn fill(
        &mut self,
        limits: BatchLimits,
        rank: impl Fn(RequestId) -> i128,
    ) -> Vec<BatchInput> {
        self.batches += 1;
        let mut turns: VecDeque<RequestId> = {
            let mut running: Vec<RequestId> = self.slots.keys().copied().collect();
            let served = |id: &RequestId| self.open.get(id).map_or(0, |open| open.inputs.served);
            running.sort_by_key(|id| (rank(*id), served(id), *id));
            running.into()
        };
        let (mut batch, mut tokens) = (Vec::new(), 0);
        while batch.len() < limits.inputs
            && let Some(id) = turns.pop_front()
        {
            let Some(open) = self.open.get_mut(&id) else { continue };
            let Some((_, next)) = open.inputs.waiting.front() else { continue };
            if tokens + next.len() > limits.tokens {
                continue;
            }
            let first = open.inputs.served == 0;
            if let Some((at, next)) = open.inputs.waiting.pop_front() {
                tokens += next.len();
                let count = u32::try_from(next.len()).unwrap_or(u32::MAX);
                self.publisher.count_prefill(open.index, count);
                batch.push(BatchInput { id, at, tokens: next });
            }
            open.inputs.served = self.batches;
            if first {
                self.publisher.prefill_started(open.request, 0);
            }
            turns.push_back(id);
        }
        batch
    }

    /// Stores the vectors of a batch; returns the replies to the requests that are complete.
    pub(super) fn complete(&mut self, batch: &[BatchInput], vectors: Vectors) -> Vec<Reply> {
        let mut complete = Vec::new();
        for (input, vector) in batch.iter().zip(vectors) {
            // Absent if it was cancelled.
            let Some(open) = self.open.get_mut(&input.id) else { continue };
            let broken = vector.is_empty() || !vector.iter().all(|number| number.is_finite());
            if broken {
                let error = "the model returned no usable vector: its file may be damaged; pull it \
                             again";
                complete.extend(self.end(input.id, Err(error)));
                continue;
            }
            open.inputs.vectors[input.at] = vector;
            open.inputs.left -= 1;
            if open.inputs.left == 0 {
                complete.extend(self.end(input.id, Ok(())));
            }
        }
        complete
    }

    /// Forgets a request; returns the reply to it.
    fn end(&mut self, id: RequestId, result: Result<(), &str>) -> Option<Reply> {
        let open = self.open.remove(&id)?;
        self.slots.remove(&id);
        let (outcome, usage) = match result {
            Ok(()) => (Outcome::Stop, Some(open.inputs.usage())),
            Err(_) => (Outcome::Failed, None),
        };
        self.publisher.finished(open.request, outcome, usage);
        let result = result.map(|()| open.inputs.vectors).map_err(str::to_owned);
        Some(Reply { id, client: open.result, result })
    }

    /// Forgets a request that was cancelled; whether it was open.
    pub(super) fn cancel(&mut self, id: RequestId) -> bool {
        let Some(open) = self.open.remove(&id) else { return false };
        self.slots.remove(&id);
        self.publisher.finished(open.request, Outcome::Cancelled, Some(open.inputs.usage()));
        if let Some(admission) = open.admission {
            let _gone = admission.send(Err(Rejection::Draining));
        }
        true
    }

    pub(super) fn publish(&self, load: Vec<AgentLoad>) {
        self.status.write(|status| status.load = load);
    }

    pub(super) fn draining(&self) {
        self.status.write(|status| status.health = Health::Draining);
    }
}

/// Reply to a request that is complete, sent after its slot is free: a client that has its vectors
/// finds that in the status.
#[must_use = "the client waits for it"]
pub(super) struct Reply {
    pub(super) id: RequestId,
    client: oneshot::Sender<Result<Vectors, String>>,
    result: Result<Vectors, String>,
}

impl Reply {
    pub(super) fn send(self) {
        // A failed send is ignored: the client is gone.
        let _gone = self.client.send(self.result);
    }
}

impl OpenRequests for EmbeddingRequests {
    fn fail_all(&mut self, message: &str) {
        for (_, open) in std::mem::take(&mut self.open) {
            self.publisher.finished(open.request, Outcome::Failed, None);
            if let Some(admission) = open.admission {
                let (agent, message) = (open.agent, message.to_owned());
                let _gone = admission.send(Err(Rejection::EngineDied { agent, message }));
            }
            let _gone = open.result.send(Err(format!("the engine has died: {message}")));
        }
    }
}

#[cfg(test)]
mod tests;
