//! The state machine: offer and cancel requests, step, commit.

mod admission;
mod compaction;
mod filling;
mod keeping;
mod parking;

use std::collections::BTreeMap;
use std::time::Duration;

use harmonic_types::{Bytes, FinishReason, KvLayout, Refused, RequestId, Tokens, Usage};

use crate::config::SchedConfig;
use crate::copies::{Copied, Copies};
use crate::device::Demand;
use crate::guarantee::guarantees;
use crate::ids::{SeqId, Tick};
use crate::job::Job;
use crate::pace::Pace;
use crate::queue::{Agent, Parked, Waiting};
use crate::residents::Residents;
use crate::sequence::{Sequence, count};
use crate::snapshots::Snapshots;
use crate::step::{CacheOp, Committed, Finished, Sampled, Step};

/// An agent's load now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AgentLoad {
    /// Guaranteed slots.
    pub slots: u32,
    /// Its sequences in flight.
    pub in_flight: u32,
    /// Those of them that run on slots of others.
    pub borrowed: u32,
    /// Its requests that gave a borrowed slot back and wait to go on.
    pub parked: u32,
    /// Its requests that wait and have not run yet.
    pub queued: u32,
}

/// The scheduler of one engine.
#[derive(Debug)]
pub struct Scheduler {
    config: SchedConfig,
    agents: Vec<Agent>,
    live: BTreeMap<SeqId, Sequence>,
    residents: Residents,
    snapshots: Snapshots,
    pace: Pace,
    copies: Copies,
    /// What the operations of [`Self::cache`] copy.
    copied: Copied,
    /// What the step under way copies, and what that took.
    copying: (Copied, Duration),
    /// Bytes of a snapshot per token, the most that was seen.
    token_bytes: Bytes,
    kv_reserved: u64,
    admitted: u64,
    next_snapshot: u64,
    /// Most sequences in flight now; see [`Self::allow`].
    allowed: u32,
    /// Steps in a row in which the live sequence ids had gaps.
    gapped: u32,
    cache: Vec<CacheOp>,
    finished: Vec<Finished>,
}

impl Scheduler {
    /// A scheduler with nothing to do.
    pub fn new(mut config: SchedConfig) -> Self {
        config.max_in_flight = config.max_in_flight.clamp(1, config.sequences.max(1));
        // Every sequence in flight must be able to decode in one batch.
        config.batch_tokens = config.batch_tokens.max(config.max_in_flight);
        let mut scheduler = Self {
            agents: config.agents.iter().cloned().map(Agent::new).collect(),
            live: BTreeMap::new(),
            residents: Residents::default(),
            snapshots: Snapshots::new(config.prefix_bytes, config.trims),
            pace: Pace::new(config.step_time),
            copies: Copies::default(),
            copied: Copied::default(),
            copying: Default::default(),
            token_bytes: config.token_bytes,
            kv_reserved: 0,
            admitted: 0,
            next_snapshot: 0,
            allowed: config.max_in_flight,
            gapped: 0,
            cache: Vec::new(),
            finished: Vec::new(),
            config,
        };
        scheduler.share_out();
        scheduler
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
        let prompt = count(&job.prompt);
        let room = context.0.saturating_sub(prompt);
        if prompt == 0 {
            return Err(Refused::Invalid { message: "the prompt is empty".to_owned() });
        }
        if room == 0 {
            let agent = agent.share.name.clone();
            return Err(Refused::PromptTooLong { agent, prompt: Tokens(prompt), context });
        }
        job.max_output = job.max_output.min(room);
        let cells = self.config.sequence_cells();
        if reservation(&job) > cells {
            let message = format!(
                "the request may need {} KV tokens and a sequence of the engine has {cells}: ask for \
                 fewer max_tokens",
                reservation(&job),
            );
            return Err(Refused::Invalid { message });
        }
        let queued = u32::try_from(agent.queue.len()).unwrap_or(u32::MAX);
        if queued >= self.config.queue_limit {
            let (agent, retry_after) = (agent.share.name.clone(), self.config.retry_after);
            return Err(Refused::QueueFull { agent, queued, retry_after });
        }
        agent.queue.push_back(Waiting { job, since: now, after: self.admitted });
        Ok(())
    }

    /// Ends a request wherever it is; what it held is free at once. The next step reports it
    /// finished. Unknown and finished requests are ignored: a cancel may cross the end.
    pub fn cancel(&mut self, id: RequestId) {
        let reason = FinishReason::Cancelled;
        let running = self.live.iter().find(|(_, sequence)| sequence.id == id);
        if let Some(seq) = running.map(|(seq, _)| *seq) {
            self.end(seq, reason);
            return;
        }
        if let Some(parked) = self.agents.iter_mut().find_map(|agent| agent.withdraw_parked(id)) {
            let Parked { sequence, snapshot } = parked;
            self.cache.push(CacheOp::Discard { snapshot });
            self.finished.push(Finished { id, seq: None, reason, usage: sequence.usage() });
            return;
        }
        if let Some(waiting) = self.agents.iter_mut().find_map(|agent| agent.withdraw(id)) {
            let prompt_tokens = count(&waiting.job.prompt);
            let usage = Usage { prompt_tokens, ..Usage::default() };
            self.finished.push(Finished { id, seq: None, reason, usage });
        }
    }

    /// Decides the next step: who starts, what happens in the cache, what is computed.
    #[must_use = "a step that is not committed loses its tokens"]
    pub fn step(&mut self, now: Tick) -> Step {
        let granted = self.admit(now);
        self.compact();
        let batch = self.fill_batch(now);
        self.copying = (std::mem::take(&mut self.copied), Duration::ZERO);
        Step {
            begun: now,
            granted,
            finished: std::mem::take(&mut self.finished),
            cache: std::mem::take(&mut self.cache),
            batch,
        }
    }

    /// The cache operations of the step under way took so long. Whoever drives a real machine says
    /// so before the commit: it tells what copies are worth.
    pub fn cache_took(&mut self, took: Duration) {
        self.copying.1 = took;
        self.copies.observe(self.copying.0, took);
    }

    /// Takes the step back with its result, at the time when that was there. Consumes the step, so
    /// none is committed twice. Sequences that were cancelled in between are passed over.
    #[expect(clippy::needless_pass_by_value, reason = "consumed, so that it is committed once")]
    pub fn commit(&mut self, now: Tick, step: Step, done: Committed) {
        for (snapshot, bytes) in done.saved {
            self.book(snapshot, bytes);
        }
        self.observe(&step, now);
        let mut sampled = done.sampled.into_iter().peekable();
        for row in &step.batch.rows {
            let sampled = sampled.next_if(|sampled| row.sample && sampled.id == row.request);
            let Some(sequence) =
                self.live.get_mut(&row.seq).filter(|sequence| sequence.id == row.request)
            else {
                continue;
            };
            let over = match sampled {
                Some(sampled) => sequence.accept(sampled.token, sampled.stop),
                // A sequence that only warms the cache ends with its prompt; any other is owed its
                // token.
                None if sequence.pending().is_empty() && !sequence.generates() => {
                    Some(FinishReason::Length)
                }
                None => None,
            };
            self.keep_system_prompt(row.seq);
            if let Some(reason) = over {
                self.end(row.seq, reason);
            }
        }
    }

    /// Running requests whose rows were computed and whose token is not sampled yet. They sit out
    /// the steps until [`Self::sampled_late`].
    pub fn owing(&self) -> Vec<RequestId> {
        let owing = self.live.values().filter(|sequence| sequence.owes());
        owing.map(|sequence| sequence.id).collect()
    }

    /// Takes a token that was late. Of a request that is over or parked it is passed over.
    pub fn sampled_late(&mut self, sampled: Sampled) {
        let mut live = self.live.iter_mut();
        let Some((seq, sequence)) =
            live.find(|(_, sequence)| sequence.id == sampled.id && sequence.owes())
        else {
            return;
        };
        let (seq, over) = (*seq, sequence.accept(sampled.token, sampled.stop));
        if let Some(reason) = over {
            self.end(seq, reason);
        }
    }

    /// Whether there is nothing to do until the next offer.
    pub fn is_idle(&self) -> bool {
        self.live.is_empty()
            && self.finished.is_empty()
            && self.agents.iter().all(|agent| agent.waiting_since().is_none())
    }

    /// All requests that wait, run or are parked.
    pub fn pending(&self) -> Vec<RequestId> {
        let running = self.live.values().map(|sequence| sequence.id);
        let parked = self.agents.iter().flat_map(|agent| &agent.parked).map(|p| p.sequence.id);
        let waiting = self.agents.iter().flat_map(|agent| &agent.queue).map(|w| w.job.id);
        running.chain(parked).chain(waiting).collect()
    }

    /// Load per agent, in the order of the configuration.
    pub fn load(&self) -> Vec<AgentLoad> {
        let load = |agent: &Agent| AgentLoad {
            slots: agent.share.slots,
            in_flight: agent.in_flight,
            borrowed: agent.borrowed(),
            parked: u32::try_from(agent.parked.len()).unwrap_or(u32::MAX),
            queued: u32::try_from(agent.queue.len()).unwrap_or(u32::MAX),
        };
        self.agents.iter().map(load).collect()
    }

    /// Sets the guaranteed slots of one agent; takes effect at the next admission.
    pub fn set_slots(&mut self, agent: usize, slots: u32) {
        if let Some(agent) = self.agents.get_mut(agent) {
            agent.share.slots = slots;
            self.share_out();
        }
    }

    /// Lets at most `in_flight` sequences be in flight from the next step on, within what was
    /// configured. What runs beyond that on borrowed slots is parked, as far as there is room.
    pub fn allow(&mut self, in_flight: u32) {
        self.allowed = in_flight.min(self.config.max_in_flight);
    }

    /// What the other engines on the device have to know.
    pub fn demand(&self) -> Demand {
        let in_flight = u32::try_from(self.live.len()).unwrap_or(u32::MAX);
        let tiers = || self.agents.iter().filter(|agent| agent.waiting_since().is_some());
        let waiting: usize =
            self.agents.iter().map(|agent| agent.parked.len() + agent.queue.len()).sum();
        let prefilling = self.live.values().filter(|sequence| !sequence.decodes());
        let waiting_tier = tiers().map(|agent| agent.share.tier).min();
        let prefilling_tier = prefilling.map(|sequence| sequence.tier).min();
        Demand {
            in_flight,
            waiting: u32::try_from(waiting).unwrap_or(u32::MAX),
            urgent: waiting_tier.into_iter().chain(prefilling_tier).min(),
            running: self.live.values().map(|sequence| sequence.tier).min(),
        }
    }

    fn share_out(&mut self) {
        let shares: Vec<_> = self.agents.iter().map(|agent| agent.share.clone()).collect();
        let rights = guarantees(&shares, self.config.guaranteed.min(self.config.max_in_flight));
        for (agent, rights) in self.agents.iter_mut().zip(rights) {
            agent.rights = rights;
        }
    }

    /// Learns from a step how long decoding and prefill take.
    fn observe(&mut self, step: &Step, now: Tick) {
        let (mut decoding, mut prefill) = (0, 0);
        for row in &step.batch.rows {
            if row.len == 1 && row.sample {
                decoding += 1;
            } else {
                prefill += u32::try_from(row.len).unwrap_or(u32::MAX);
            }
        }
        let (_, copying) = self.copying;
        // Copies in the cache would count as decoding.
        if prefill > 0 || step.cache.is_empty() || copying > Duration::ZERO {
            self.pace.observe(decoding, prefill, now.since(step.begun).saturating_sub(copying));
        }
    }

    /// Ends a sequence. In streams its tokens stay until the place is needed.
    fn end(&mut self, seq: SeqId, reason: FinishReason) {
        let Some(sequence) = self.live.remove(&seq) else { return };
        self.agents[sequence.agent].in_flight -= 1;
        self.kv_reserved -= sequence.reserved;
        let (id, usage) = (sequence.id, sequence.usage());
        self.finished.push(Finished { id, seq: Some(seq), reason, usage });
        let held = sequence.held();
        if self.config.kv_layout == KvLayout::Streams && self.snapshots.enabled() {
            self.residents.stay(seq, held.to_vec());
        } else {
            self.keep_conversation(seq, held);
            self.cache.push(CacheOp::Drop { seq });
        }
    }

    /// Empties `seq`, in which nobody runs.
    fn vacate(&mut self, seq: SeqId) {
        if let Some(tokens) = self.residents.take(seq) {
            self.keep_conversation(seq, &tokens);
            self.cache.push(CacheOp::Drop { seq });
        }
    }

    /// The lowest id that no live sequence has: llama.cpp batches consecutive ids in one pass
    /// (`docs/sources.md#consecutive-sequences`).
    fn lowest_free(&self) -> SeqId {
        let taken = self.live.keys().zip(0..).take_while(|(seq, next)| seq.0 == *next);
        SeqId(u32::try_from(taken.count()).unwrap_or(u32::MAX))
    }
}

/// KV tokens that a job may come to hold.
fn reservation(job: &Job) -> u64 {
    u64::from(count(&job.prompt)) + u64::from(job.max_output)
}

#[cfg(test)]
mod tests;
