//! Scheduler of an engine with batching of its own: [`Admission`] over [`Batching`].
//!
//! Owns: the order in which the two are called, and the limits on request sizes.
//!
//! Does not do: admission policy (`harmonic-admission`), batches and KV cache
//! (`harmonic-batching`).

mod config;
mod job;

use std::collections::BTreeSet;
use std::time::Duration;

use harmonic_admission::{Admission, AgentLoad, Decision, Demand, Tick, Ticket};
use harmonic_batching::{
    Batch, Batching, CacheOp, Finished, Placed, Sampled, SeqId, Step as BatchingStep, StepResult,
};
use harmonic_types::{Rejection, RequestId};

pub use config::{ScheduledAgent, SchedulerConfig};
pub use job::Job;

/// Admission of a request to a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The request.
    pub id: RequestId,
    /// Its sequence.
    pub seq: SeqId,
    /// Time since its offer.
    pub queued: Duration,
    /// Whether the slot is borrowed.
    pub borrowed: bool,
}

/// A change of what runs, or of where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A request runs for the first time.
    Start(Grant),
    /// It gave a borrowed slot back.
    Preempt {
        /// The request.
        id: RequestId,
    },
    /// It goes on where it was preempted.
    Resume {
        /// The request.
        id: RequestId,
        /// Its sequence from now on.
        seq: SeqId,
        /// Whether it runs on a borrowed slot.
        borrowed: bool,
    },
    /// It goes on in another sequence.
    Move {
        /// The request.
        id: RequestId,
        /// Its sequence from now on.
        seq: SeqId,
    },
}

/// One step: decided by [`Scheduler::step`], executed by the machine, then passed to
/// [`Scheduler::commit`].
#[derive(Debug, Default)]
pub struct Step {
    /// Time of the decision.
    pub begun: Tick,
    /// Changes of what runs, in the order in which they were decided.
    pub changes: Vec<Change>,
    /// Requests that ended since the last step.
    pub finished: Vec<Finished>,
    /// Cache operations to execute first, in order.
    pub cache: Vec<CacheOp>,
    /// Batch to compute then; may be empty.
    pub batch: Batch,
}

impl Step {
    /// Requests that got their first sequence in this step.
    pub fn granted(&self) -> impl Iterator<Item = &Grant> {
        self.changes.iter().filter_map(|change| match change {
            Change::Start(grant) => Some(grant),
            Change::Preempt { .. } | Change::Resume { .. } | Change::Move { .. } => None,
        })
    }
}

/// Scheduler of one engine.
#[derive(Debug)]
pub struct Scheduler {
    config: SchedulerConfig,
    admission: Admission,
    batching: Batching,
    /// Jobs that only compute a prompt.
    warm_ups: BTreeSet<RequestId>,
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
            warm_ups: BTreeSet::new(),
            config,
        }
    }

    /// Configuration in force.
    pub fn config(&self) -> &SchedulerConfig {
        &self.config
    }

    /// Queues a request. A later [`Self::step`] admits it.
    ///
    /// # Errors
    /// [`Rejection`] if it can never run or its agent's queue is full.
    pub fn offer(&mut self, now: Tick, job: Job) -> Result<(), Rejection> {
        let ticket = Ticket { id: job.id, agent: job.agent, class: job.class };
        let is_warm_up = job.max_output == 0;
        let prompt = self.config.bounded(job)?;
        self.batching.add(ticket.id, prompt);
        let offered = self.admission.offer(now, ticket);
        match offered {
            Ok(()) if is_warm_up => {
                self.warm_ups.insert(ticket.id);
            }
            Ok(()) => {}
            Err(_) => self.batching.forget(ticket.id),
        }
        offered
    }

    /// Cancels a request in any state and frees its resources at once. The next step reports it
    /// finished. Unknown requests are ignored: a cancellation may race with completion.
    pub fn cancel(&mut self, id: RequestId) {
        self.admission.release(id, &mut self.batching);
    }

    /// Decides the next step: admissions, cache operations, batch.
    #[must_use = "a step that is not committed loses its tokens"]
    pub fn step(&mut self, now: Tick) -> Step {
        let decisions = self.admission.decide(now, &mut self.batching);
        let rank = |id| self.admission.rank(id, now).unwrap_or(i128::MAX);
        let BatchingStep { begun, placed, moved, finished, cache, batch } =
            self.batching.step(now, rank);
        for ended in &finished {
            self.warm_ups.remove(&ended.id);
        }
        // Both are in the order of the decisions.
        let mut placed = placed.into_iter();
        let mut seq_of = |id| {
            let next = placed.next();
            debug_assert_eq!(next.map(|placed| placed.id), Some(id));
            next.map(|placed| placed.seq)
        };
        let decided = decisions.into_iter().filter_map(|decision| match decision {
            Decision::Start { id, queued, borrowed } => {
                seq_of(id).map(|seq| Change::Start(Grant { id, seq, queued, borrowed }))
            }
            Decision::Preempt { id } => Some(Change::Preempt { id }),
            Decision::Resume { id, borrowed } => {
                seq_of(id).map(|seq| Change::Resume { id, seq, borrowed })
            }
        });
        let moved = moved.into_iter().map(|Placed { id, seq }| Change::Move { id, seq });
        Step { begun, changes: decided.chain(moved).collect(), finished, cache, batch }
    }

    /// Records the time of the cache operations of the step under way, before its commit, to learn
    /// the cost of copies on a real machine.
    pub fn observe_cache_time(&mut self, took: Duration) {
        self.batching.observe_cache_time(took);
    }

    /// Commits the result of `step`, available at `now`. Consumes the step, so that it is committed
    /// once. Sequences cancelled in between are skipped.
    pub fn commit(&mut self, now: Tick, step: Step, result: StepResult) {
        let Step { begun, cache, batch, .. } = step;
        let step = BatchingStep { begun, cache, batch, ..BatchingStep::default() };
        for id in self.batching.commit(now, step, result) {
            self.admission.release(id, &mut self.batching);
        }
    }

    /// Running requests whose rows were computed and whose token is not sampled yet. They are left
    /// out of batches until [`Self::sampled_deferred`].
    pub fn awaiting_sampling(&self) -> Vec<RequestId> {
        self.batching.awaiting_sampling()
    }

    /// Accepts a deferred token. Ignored for finished and preempted requests.
    pub fn sampled_deferred(&mut self, sampled: Sampled) {
        if self.batching.sampled_deferred(sampled) {
            self.admission.release(sampled.id, &mut self.batching);
        }
    }

    /// Whether there is no work until the next offer.
    pub fn is_idle(&self) -> bool {
        self.batching.is_idle() && !self.admission.has_waiting()
    }

    /// All running, preempted and queued requests.
    pub fn pending(&self) -> Vec<RequestId> {
        self.admission.pending()
    }

    /// Load per agent, in the order of the configuration. What warms the prefix cache is no load.
    pub fn load(&self) -> Vec<AgentLoad> {
        if self.warm_ups.is_empty() {
            return self.admission.load();
        }
        self.admission.load_without(|id| self.warm_ups.contains(&id))
    }

    /// Sets the planned slots of some agents, by index, from the next step on.
    pub fn set_slots(&mut self, slots: impl IntoIterator<Item = (usize, u32)>) {
        self.admission.set_slots(slots);
    }

    /// Sets the limit on sequences in flight from the next step on, capped at the configured
    /// maximum. Borrowers beyond it are preempted if they can be saved.
    pub fn set_limit(&mut self, in_flight: u32) {
        self.admission.set_limit(in_flight);
    }

    /// Demand of this engine at `now`, for the arbiter of the device.
    pub fn demand(&self, now: Tick) -> Demand {
        self.admission.demand(now, |id| self.batching.is_prefilling(id))
    }
}

#[cfg(test)]
mod tests;
