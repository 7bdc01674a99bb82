//! A load in virtual time: no threads, no waiting, the same result every time.

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

/// A request at its time. Its answer goes on to the job's limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When it is offered.
    pub at: Tick,
    /// What is offered.
    pub job: Job,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestOutcome {
    /// It was not taken.
    Rejected(Rejection),
    /// It ran.
    Completed {
        /// When it was given a sequence.
        granted: Tick,
        /// When its first token was there.
        first_token: Tick,
        /// When it ended.
        finished: Tick,
        /// Why.
        reason: FinishReason,
        /// Its token counts.
        usage: Usage,
    },
}

/// Serves `arrivals` (in order of time) on a simulated machine, each by its request's id.
///
/// # Errors
/// When the machine fails, which a correct scheduler never makes it do.
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
            if let Err(refused) = scheduler.offer(clock.now(), job) {
                served.insert(id, RequestOutcome::Rejected(refused));
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
        for grant in &step.granted {
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
                // Nothing is held to a form here, so no token is late.
                let SampleResult::Token(choice) = drawn else { continue };
                first_token.entry(row.request).or_insert(clock.now());
                sampled.push(Sampled { id: row.request, token: choice.token, stop: false });
            }
        }
        scheduler.commit(clock.now(), step, StepResult { sampled, saved });
    }
}
