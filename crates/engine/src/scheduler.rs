//! The scheduler of an engine whose tokens are batched here: [`Admission`] over [`Batching`].
//!
//! Owns: the order in which the two are called, and the bounds of a request's size.
//!
//! Does not do: policy (`harmonic-admission`), batches and the KV cache (`harmonic-batching`).

mod config;
mod job;

use std::time::Duration;

use harmonic_admission::{Admission, AgentLoad, Decision, Demand, Tick, Ticket};
use harmonic_batching::{
    Batch, Batching, CacheOp, Finished, Sampled, SeqId, Step as BatchingStep, StepResult,
};
use harmonic_types::{Rejection, RequestId};

pub use config::{ScheduledAgent, SchedulerConfig};
pub use job::Job;

/// A request that runs for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The request.
    pub id: RequestId,
    /// Its sequence.
    pub seq: SeqId,
    /// Time from its offer to its start.
    pub queued: Duration,
    /// Whether it runs on a borrowed slot.
    pub borrowed: bool,
}

/// One step: decided by [`Scheduler::step`], executed by the machine, given back to
/// [`Scheduler::commit`].
#[derive(Debug, Default)]
pub struct Step {
    /// When it was decided.
    pub begun: Tick,
    /// Requests that got a sequence in this step.
    pub granted: Vec<Grant>,
    /// Requests that ended since the last step.
    pub finished: Vec<Finished>,
    /// To be done first, in order.
    pub cache: Vec<CacheOp>,
    /// To be computed then; may be empty.
    pub batch: Batch,
}

/// The scheduler of one engine.
#[derive(Debug)]
pub struct Scheduler {
    config: SchedulerConfig,
    admission: Admission,
    batching: Batching,
}

impl Scheduler {
    /// A scheduler without requests.
    pub fn new(mut config: SchedulerConfig) -> Self {
        config.max_in_flight = config.max_in_flight.clamp(1, config.sequences.max(1));
        // Every sequence in flight must be able to decode in one batch.
        config.batch_tokens = config.batch_tokens.max(config.max_in_flight);
        Self {
            admission: Admission::new(config.admission()),
            batching: Batching::new(config.batching()),
            config,
        }
    }

    /// The limits in force.
    pub fn config(&self) -> &SchedulerConfig {
        &self.config
    }

    /// Queues a request. It is granted a sequence by a later [`Self::step`].
    ///
    /// # Errors
    /// [`Rejection`] when it can never run, or its agent's queue is full.
    pub fn offer(&mut self, now: Tick, job: Job) -> Result<(), Rejection> {
        let ticket = Ticket { id: job.id, agent: job.agent };
        let prompt = self.config.bounded(job)?;
        self.batching.add(ticket.id, prompt);
        let offered = self.admission.offer(now, ticket);
        if offered.is_err() {
            self.batching.forget(ticket.id);
        }
        offered
    }

    /// Ends a request wherever it is; what it held is free at once. The next step reports it
    /// finished. Unknown and finished requests are ignored: a cancel may cross the end.
    pub fn cancel(&mut self, id: RequestId) {
        self.admission.release(id, &mut self.batching);
    }

    /// Decides the next step: who starts, what happens in the cache, what is computed.
    #[must_use = "a step that is not committed loses its tokens"]
    pub fn step(&mut self, now: Tick) -> Step {
        let decisions = self.admission.decide(now, &mut self.batching);
        let rank = |id| self.admission.rank(id, now).unwrap_or(i128::MAX);
        let BatchingStep { begun, started, finished, cache, batch } = self.batching.step(now, rank);
        let starts = decisions.into_iter().filter_map(|decision| match decision {
            Decision::Start { id, queued, borrowed } => Some((id, queued, borrowed)),
            Decision::Preempt { .. } | Decision::Resume { .. } => None,
        });
        // Both are in the order of the decisions.
        let granted = starts.zip(started).map(|((id, queued, borrowed), started)| {
            debug_assert_eq!(id, started.id);
            Grant { id, seq: started.seq, queued, borrowed }
        });
        Step { begun, granted: granted.collect(), finished, cache, batch }
    }

    /// Takes the time of the cache operations of the step under way. Whoever drives a real machine
    /// says so before the commit: it tells what copies are worth.
    pub fn observe_cache_time(&mut self, took: Duration) {
        self.batching.observe_cache_time(took);
    }

    /// Takes the step back with its result, at the time when that was there. Consumes the step, so
    /// none is committed twice. Sequences that were cancelled in between are passed over.
    pub fn commit(&mut self, now: Tick, step: Step, done: StepResult) {
        let Step { begun, cache, batch, .. } = step;
        let step = BatchingStep { begun, cache, batch, ..BatchingStep::default() };
        for id in self.batching.commit(now, step, done) {
            self.admission.release(id, &mut self.batching);
        }
    }

    /// Running requests whose rows were computed and whose token is not sampled yet. They sit out
    /// the steps until [`Self::sampled_deferred`].
    pub fn awaiting_sampling(&self) -> Vec<RequestId> {
        self.batching.awaiting_sampling()
    }

    /// Takes a token that was late. Of a request that is over or preempted it is passed over.
    pub fn sampled_deferred(&mut self, sampled: Sampled) {
        if self.batching.sampled_deferred(sampled) {
            self.admission.release(sampled.id, &mut self.batching);
        }
    }

    /// Whether there is nothing to do until the next offer.
    pub fn is_idle(&self) -> bool {
        self.batching.is_idle() && !self.admission.has_waiting()
    }

    /// All requests that run, are preempted or wait.
    pub fn pending(&self) -> Vec<RequestId> {
        self.admission.pending()
    }

    /// Load per agent, in the order of the configuration.
    pub fn load(&self) -> Vec<AgentLoad> {
        self.admission.load()
    }

    /// Sets the planned slots of some agents, by index; takes effect at the next step.
    pub fn set_slots(&mut self, slots: impl IntoIterator<Item = (usize, u32)>) {
        self.admission.set_slots(slots);
    }

    /// Sets how many sequences may be in flight from the next step on, within what was configured.
    /// Borrowers beyond that are preempted, as far as there is room to save them.
    pub fn set_limit(&mut self, in_flight: u32) {
        self.admission.set_limit(in_flight);
    }

    /// What the other engines on the device have to know.
    pub fn demand(&self) -> Demand {
        self.admission.demand(|id| self.batching.is_prefilling(id))
    }
}

#[cfg(test)]
mod tests;
