//! The state machine: offer and cancel requests, step, commit.

use std::collections::BTreeMap;

use harmonic_types::{FinishReason, Refused, RequestId, Tokens, Usage};

use crate::batch::Batch;
use crate::config::SchedConfig;
use crate::ids::{SeqId, Tick, Token};
use crate::job::Job;
use crate::prefix::{Prefixes, Turn};
use crate::queue::{Agent, Waiting, by_urgency};
use crate::sequence::{Sequence, prompt_tokens};
use crate::step::{CacheOp, Committed, Finished, Grant, Step};

/// An agent's load now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AgentLoad {
    /// Guaranteed slots.
    pub slots: u32,
    /// Its sequences in flight; more than `slots` while it borrows.
    pub in_flight: u32,
    /// Its requests that wait.
    pub queued: u32,
}

/// The scheduler of one engine.
#[derive(Debug)]
pub struct Scheduler {
    config: SchedConfig,
    agents: Vec<Agent>,
    live: BTreeMap<SeqId, Sequence>,
    prefixes: Prefixes,
    kv_reserved: u64,
    admitted: u64,
    cache: Vec<CacheOp>,
    finished: Vec<Finished>,
}

impl Scheduler {
    /// A scheduler with nothing to do.
    pub fn new(mut config: SchedConfig) -> Self {
        config.max_in_flight = config.max_in_flight.clamp(1, config.sequences.max(1));
        // Every sequence in flight must be able to decode in one batch.
        config.batch_tokens = config.batch_tokens.max(config.max_in_flight);
        Self {
            agents: config.agents.iter().cloned().map(Agent::new).collect(),
            prefixes: Prefixes::new(config.agents.len(), config.prefix_bytes),
            live: BTreeMap::new(),
            kv_reserved: 0,
            admitted: 0,
            cache: Vec::new(),
            finished: Vec::new(),
            config,
        }
    }

    /// The limits in force.
    pub fn config(&self) -> &SchedConfig {
        &self.config
    }

    /// Queues a request. It is granted a sequence by a later [`Self::step`].
    ///
    /// # Errors
    /// [`Refused`] when it can never run, or its agent's queue is full.
    pub fn offer(&mut self, now: Tick, mut job: Job) -> Result<(), Refused> {
        let Some(agent) = self.agents.get_mut(job.agent) else {
            return Err(Refused::Invalid { message: format!("no agent has index {}", job.agent) });
        };
        let context = agent.share.context;
        let prompt = prompt_tokens(&job);
        let room = context.0.saturating_sub(prompt);
        if prompt == 0 {
            return Err(Refused::Invalid { message: "the prompt is empty".to_owned() });
        }
        if room == 0 {
            let agent = agent.share.name.clone();
            return Err(Refused::PromptTooLong { agent, prompt: Tokens(prompt), context });
        }
        job.max_output = job.max_output.clamp(1, room);
        if reservation(&job) > self.config.kv_tokens {
            let message = format!(
                "the request may need {} KV tokens and the engine has {}: ask for fewer max_tokens",
                reservation(&job),
                self.config.kv_tokens
            );
            return Err(Refused::Invalid { message });
        }
        let queued = u32::try_from(agent.queue.len()).unwrap_or(u32::MAX);
        if queued >= self.config.queue_limit {
            let (agent, retry_after) = (agent.share.name.clone(), self.config.retry_after);
            return Err(Refused::QueueFull { agent, queued, retry_after });
        }
        agent.queue.push_back(Waiting { job, since: now });
        Ok(())
    }

    /// Ends a request wherever it is; what it held is free at once. The next step reports it
    /// finished. Unknown and finished requests are ignored: a cancel may cross the end.
    pub fn cancel(&mut self, id: RequestId) {
        let running = self.live.values().find(|sequence| sequence.id() == id).map(|s| s.seq);
        if let Some(seq) = running {
            self.end(seq, FinishReason::Cancelled);
            return;
        }
        let waiting = self.agents.iter_mut().find_map(|agent| agent.withdraw(id));
        if let Some(Waiting { job, .. }) = waiting {
            let usage = Usage { prompt_tokens: prompt_tokens(&job), ..Usage::default() };
            let reason = FinishReason::Cancelled;
            self.finished.push(Finished { id, seq: None, reason, usage });
        }
    }

    /// Decides the next step: who starts, what happens in the cache, what is computed.
    #[must_use = "a step that is not committed loses its tokens"]
    pub fn step(&mut self, now: Tick) -> Step {
        let granted = self.admit(now);
        let batch = self.fill_batch();
        Step {
            granted,
            finished: std::mem::take(&mut self.finished),
            cache: std::mem::take(&mut self.cache),
            batch,
        }
    }

    /// Takes the step back with its result. Consumes the step, so none is committed twice.
    /// Sequences that were cancelled in between are passed over.
    #[expect(clippy::needless_pass_by_value, reason = "consumed, so that it is committed once")]
    pub fn commit(&mut self, step: Step, done: Committed) {
        for (snapshot, bytes) in done.saved {
            let discarded = self.prefixes.booked(snapshot, bytes);
            self.cache.extend(discarded);
        }
        let mut sampled = done.sampled.into_iter();
        for row in &step.batch.rows {
            let sampled = if row.sample { sampled.next() } else { None };
            let Some(sequence) = self.live.get_mut(&row.seq).filter(|s| s.id() == row.request)
            else {
                continue;
            };
            let shared = sequence.job.shared_prefix;
            if sequence.computed == shared {
                let prefix = &sequence.job.prompt[..shared as usize];
                let save = self.prefixes.complete(sequence.job.agent, row.seq, prefix);
                self.cache.extend(save);
            }
            let over = sampled.and_then(|sampled| sequence.accept(sampled.token, sampled.stop));
            if let Some(reason) = over {
                self.end(row.seq, reason);
            }
        }
    }

    /// Whether there is nothing to do until the next offer.
    pub fn is_idle(&self) -> bool {
        self.live.is_empty()
            && self.finished.is_empty()
            && self.agents.iter().all(|agent| agent.queue.is_empty())
    }

    /// All requests that wait or run.
    pub fn pending(&self) -> Vec<RequestId> {
        let running = self.live.values().map(Sequence::id);
        let waiting = self.agents.iter().flat_map(|agent| agent.queue.iter().map(|w| w.job.id));
        running.chain(waiting).collect()
    }

    /// Load per agent, in the order of the configuration.
    pub fn load(&self) -> Vec<AgentLoad> {
        let load = |agent: &Agent| AgentLoad {
            slots: agent.share.slots,
            in_flight: agent.in_flight,
            queued: u32::try_from(agent.queue.len()).unwrap_or(u32::MAX),
        };
        self.agents.iter().map(load).collect()
    }

    /// Sets the guaranteed slots of one agent; takes effect at the next admission.
    pub fn set_slots(&mut self, agent: usize, slots: u32) {
        if let Some(agent) = self.agents.get_mut(agent) {
            agent.share.slots = slots;
        }
    }

    /// Gives free sequences to the most urgent requests. Stops at the first that does not fit, so
    /// that a large request is not starved by small ones behind it.
    fn admit(&mut self, now: Tick) -> Vec<Grant> {
        let mut granted = Vec::new();
        while self.live.len() < self.config.max_in_flight as usize {
            let next = by_urgency(&self.agents, now, self.config.ageing).into_iter().next();
            let Some(agent) = next.and_then(|index| self.agents.get_mut(index)) else { break };
            let reserved = agent.queue.front().map_or(0, |waiting| reservation(&waiting.job));
            if self.kv_reserved + reserved > self.config.kv_tokens {
                break;
            }
            let Some(Waiting { job, since }) = agent.queue.pop_front() else { break };
            agent.in_flight += 1;
            self.kv_reserved += reserved;
            let seq = lowest_free(&self.live);
            granted.push(Grant { id: job.id, seq, queued: now.since(since) });
            let order = self.admitted;
            self.admitted += 1;
            let (computed, cached, generated, last) = (0, 0, 0, None);
            let sequence =
                Sequence { job, seq, computed, cached, last, generated, reserved, order };
            self.live.insert(seq, sequence);
        }
        granted
    }

    /// Every decoding sequence gets its one token; what is left of the batch goes to prefills, the
    /// oldest first.
    fn fill_batch(&mut self) -> Batch {
        let mut planned: BTreeMap<SeqId, usize> = BTreeMap::new();
        let mut room = self.config.batch_tokens as usize;
        let mut prefilling: Vec<(u64, SeqId)> = Vec::new();
        for sequence in self.live.values() {
            if sequence.prefill_left().is_empty() {
                planned.insert(sequence.seq, 1);
                room = room.saturating_sub(1);
            } else {
                prefilling.push((sequence.order, sequence.seq));
            }
        }
        prefilling.sort_unstable();
        for (_, seq) in prefilling {
            let chunk = self.prefill_chunk(seq).min(room);
            if chunk > 0 {
                planned.insert(seq, chunk);
                room -= chunk;
            }
        }
        let mut batch = Batch::default();
        for (seq, len) in planned {
            let Some(sequence) = self.live.get_mut(&seq) else { continue };
            let (id, position) = (sequence.id(), sequence.computed);
            let left = sequence.prefill_left();
            let last: [Token; 1];
            let (tokens, sample) = if left.is_empty() {
                // The invariant: a sequence without prefill left has sampled at least once.
                let Some(token) = sequence.last else { continue };
                last = [token];
                (&last[..], true)
            } else {
                (&left[..len], len == left.len())
            };
            batch.push(id, seq, position, tokens, sample);
            sequence.computed += u32::try_from(len).unwrap_or(u32::MAX);
        }
        batch
    }

    /// Tokens that a prefilling sequence wants in the next batch; restores the agent's prefix into
    /// it where there is one.
    fn prefill_chunk(&mut self, seq: SeqId) -> usize {
        let Some(sequence) = self.live.get_mut(&seq) else { return 0 };
        if sequence.computed == 0
            && let Some((snapshot, tokens)) =
                self.prefixes.find(sequence.job.agent, &sequence.job.prompt)
        {
            self.cache.push(CacheOp::Restore { snapshot, seq });
            sequence.computed = tokens;
            sequence.cached = tokens;
        }
        let left = sequence.prefill_left().len();
        let (computed, shared) = (sequence.computed, sequence.job.shared_prefix);
        match self.prefixes.turn(sequence.job.agent, seq, computed, shared) {
            Turn::Compute(until) => left.min(until.saturating_sub(computed) as usize),
            Turn::Wait => 0,
            Turn::Free => left,
        }
    }

    fn end(&mut self, seq: SeqId, reason: FinishReason) {
        let Some(sequence) = self.live.remove(&seq) else { return };
        self.agents[sequence.job.agent].in_flight -= 1;
        self.kv_reserved -= sequence.reserved;
        self.prefixes.abandon(seq);
        self.cache.push(CacheOp::Drop { seq });
        let (id, usage) = (sequence.id(), sequence.usage());
        self.finished.push(Finished { id, seq: Some(seq), reason, usage });
    }
}

/// KV tokens that a job may come to hold.
fn reservation(job: &Job) -> u64 {
    u64::from(prompt_tokens(job)) + u64::from(job.max_output)
}

/// The lowest id that no live sequence has: llama.cpp batches consecutive ids in one pass
/// (`research/engine.md`).
fn lowest_free(live: &BTreeMap<SeqId, Sequence>) -> SeqId {
    let mut next = 0;
    for seq in live.keys() {
        if seq.0 != next {
            break;
        }
        next += 1;
    }
    SeqId(next)
}

#[cfg(test)]
mod tests;
