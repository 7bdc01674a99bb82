//! Simulation of a load in virtual time: deterministic, without threads or waiting.

use std::collections::BTreeMap;

use harmonic_admission::Tick;
use harmonic_batching::{Sampled, StepResult};
use harmonic_types::{FinishReason, Rejection, RequestId, Sampling, Usage};

use super::{CostModel, SimMachine, SimVocabulary};
use crate::chat::Vocabulary;
use crate::clock::{Clock, VirtualClock};
use crate::drive::apply;
use crate::machine::{Machine, MachineError};
use crate::sampling::{SampleResult, Sampler, Samplers};
use crate::scheduler::{Job, Scheduler, SchedulerConfig};

/// Arrival of a request. Its answer has the maximum length of the job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Time of arrival.
    pub at: Tick,
    /// The request.
    pub job: Job,
}

/// Outcome of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestOutcome {
    /// Rejected when offered.
    Rejected(Rejection),
    /// Ran to its end.
    Completed {
        /// Time of admission.
        granted: Tick,
        /// Time of the first token.
        first_token: Tick,
        /// Time of the end.
        finished: Tick,
        /// Reason of the end.
        reason: FinishReason,
        /// Token counts.
        usage: Usage,
    },
}

/// Serves `arrivals`, ordered by time, on a simulated machine; the outcomes by request id.
///
/// # Errors
/// [`MachineError`] if the machine fails, which indicates a bug in the scheduler.
pub fn simulate(
    config: SchedulerConfig,
    costs: CostModel,
    arrivals: Vec<Arrival>,
) -> Result<BTreeMap<RequestId, RequestOutcome>, MachineError> {
    let mut machine =
        SimMachine::new(costs, config.sequences, config.kv_tokens).in_layout(config.kv_layout);
    let mut scheduler = Scheduler::new(config);
    let mut samplers = Samplers::default();
    let mut clock = VirtualClock::default();
    let mut arrivals = arrivals.into_iter().peekable();
    let mut served = BTreeMap::new();
    let mut granted: BTreeMap<RequestId, Tick> = BTreeMap::new();
    let mut first_token: BTreeMap<RequestId, Tick> = BTreeMap::new();
    loop {
        if let (true, Some(next)) = (scheduler.is_idle(), arrivals.peek()) {
            clock.elapse(next.at.since(clock.now()));
        }
        while let Some(Arrival { job, .. }) = arrivals.next_if(|next| next.at <= clock.now()) {
            let id = job.id;
            if let Err(rejection) = scheduler.offer(clock.now(), job) {
                served.insert(id, RequestOutcome::Rejected(rejection));
            }
        }
        if scheduler.is_idle() && arrivals.peek().is_none() {
            return Ok(served);
        }
        let step = scheduler.step(clock.now());
        for ended in &step.finished {
            let at = |times: &BTreeMap<RequestId, Tick>| times.get(&ended.id).copied();
            if let (Some(granted), Some(first_token)) = (at(&granted), at(&first_token)) {
                let (finished, reason, usage) = (clock.now(), ended.reason, ended.usage);
                let done =
                    RequestOutcome::Completed { granted, first_token, finished, reason, usage };
                served.insert(ended.id, done);
            }
        }
        for grant in step.granted() {
            granted.insert(grant.id, clock.now());
            let sampler = Sampler::new(Sampling::default(), grant.id.0);
            samplers.insert(grant.id, sampler.with_banned(SimVocabulary.turn_ends().into()));
        }
        let saved = apply(&mut machine, &step.cache)?;
        let mut sampled = Vec::new();
        if !step.batch.is_empty() {
            let outcome = machine.run(&step.batch, &mut samplers)?;
            clock.elapse(outcome.simulated_time);
            for (row, drawn) in step.batch.sampling_rows().zip(outcome.samples) {
                // Without constraints, no token is deferred.
                let SampleResult::Token(choice) = drawn else { continue };
                first_token.entry(row.request).or_insert(clock.now());
                sampled.push(Sampled { id: row.request, token: choice.token, stop: false });
            }
        }
        scheduler.commit(clock.now(), step, StepResult { sampled, saved });
    }
}
