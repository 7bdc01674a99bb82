//! The loop between scheduler and machine: one step after the other until there is nobody left.

use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use harmonic_admission::Tick;
use harmonic_batching::{CacheOp, Sampled, SnapshotId, StepResult};
use harmonic_types::{Bytes, FinishReason, Rejection, RequestId};

use crate::clock::Clock;
use crate::device::{DeviceHandle, StepPermit};
use crate::engine::{Drained, ReslotError};
use crate::machine::{Machine, MachineError, Outcome};
use crate::request_registry::{RequestRegistry, Submission};
use crate::sampling::{SampleResult, SampledToken, Samplers};
use crate::scheduler::{Job, Scheduler, Step};

/// How long an idle engine that gets commands waits for more at most, and how long the mailbox has to be
/// quiet for it to start at once. Both are little beside a prompt's tens of milliseconds.
const BATCH_WINDOW: Duration = Duration::from_millis(5);
const IDLE_WAIT: Duration = Duration::from_millis(1);

/// How long an engine that may not run anything waits before it looks for commands again.
const BLOCKED: Duration = Duration::from_millis(5);

/// What reaches a running engine from outside.
#[derive(Debug)]
pub enum Command {
    /// A request.
    Submit(Box<Submission>),
    /// Prompts to be computed before anyone asks, for their prefixes; nobody is told.
    Warm(Vec<Job>),
    /// Nobody listens to this request any more.
    Cancel(RequestId),
    /// New guaranteed slots, by index of the agent.
    Reslot(Vec<(usize, u32)>, tokio::sync::oneshot::Sender<Result<(), ReslotError>>),
    /// Finish what there is within this time, then end.
    Drain(Duration),
    /// A token that was late can be chosen.
    Wake,
}

/// Runs `scheduler` on `machine` until it is drained or every sender of `commands` is gone. Requests
/// that are still pending then are cancelled.
///
/// # Errors
/// When the machine fails; the requests of `registry` are then still open.
pub fn drive<M: Machine>(
    mut machine: M,
    mut scheduler: Scheduler,
    commands: &Receiver<Command>,
    registry: &mut RequestRegistry,
    device: Option<&DeviceHandle>,
    clock: &mut impl Clock,
    mut samplers: Samplers,
) -> Result<Drained, MachineError> {
    let mut draining: Option<Draining> = None;
    loop {
        if scheduler.is_idle() {
            // The others need not wait for a report until there is commands again.
            report(&mut scheduler, device);
        }
        if !take_commands(&mut scheduler, commands, registry, clock, &mut draining) {
            return Ok(draining.map_or(Drained::default(), |draining| draining.drained));
        }
        if draining.as_ref().is_some_and(|draining| clock.now() >= draining.deadline) {
            for id in scheduler.pending() {
                scheduler.cancel(id);
            }
        }
        let permit = report(&mut scheduler, device);
        if let Some((device, permit)) = permit.filter(|(_, permit)| permit.allowance.yields) {
            device.wait(permit, scheduler.config().step_time);
        }
        let waits = !sample_deferred(&mut scheduler, registry, &mut samplers);
        let step = scheduler.step(clock.now());
        for finished in &step.finished {
            samplers.remove(finished.id);
            let told = registry.finish(finished);
            match (&mut draining, finished.reason) {
                (Some(draining), FinishReason::Cancelled) if told => {
                    draining.drained.cancelled += 1;
                }
                (Some(draining), _) if told => draining.drained.finished += 1,
                _ => {}
            }
        }
        for grant in &step.granted {
            if let Some(sampler) = registry.grant(grant) {
                samplers.insert(grant.id, sampler);
            }
        }
        registry.publish(scheduler.load());
        let copying = clock.now();
        let saved = apply(&mut machine, &step.cache)?;
        scheduler.observe_cache_time(clock.now().since(copying));
        let mut done = StepResult { saved, ..StepResult::default() };
        if !step.batch.is_empty() {
            let outcome = machine.run(&step.batch, &mut samplers)?;
            clock.elapse(outcome.simulated_time);
            done.sampled = answer(registry, &step, outcome);
        } else if waits && !scheduler.is_idle() {
            // Nothing to compute until a mask is there, which is said by commands, or something else is.
            if let Ok(command) = commands.recv_timeout(BLOCKED) {
                handle(command, &mut scheduler, registry, clock, &mut draining);
            }
        } else if let (false, Some((device, permit))) = (scheduler.is_idle(), permit) {
            device.wait(permit, BLOCKED);
        }
        let now = clock.now();
        tracing::trace!(
            rows = step.batch.rows.len(),
            tokens = step.batch.tokens.len(),
            cache = step.cache.len(),
            took_us = now.since(step.begun).as_micros(),
            at_us = now.0 / 1000,
            "step"
        );
        scheduler.commit(now, step, done);
    }
}

/// Tells the device what the engine runs and wants, and the scheduler what it may.
fn report<'d>(
    scheduler: &mut Scheduler,
    device: Option<&'d DeviceHandle>,
) -> Option<(&'d DeviceHandle, StepPermit)> {
    let device = device?;
    let permit = device.report(scheduler.demand());
    scheduler.set_limit(permit.allowance.in_flight);
    Some((device, permit))
}

/// A drain under way.
#[derive(Debug)]
struct Draining {
    deadline: Tick,
    drained: Drained,
}

impl Draining {
    fn by(deadline: Tick) -> Self {
        Self { deadline, drained: Drained::default() }
    }
}

/// Takes what has arrived; waits when there is nothing else to do. False when it is time to end.
fn take_commands(
    scheduler: &mut Scheduler,
    commands: &Receiver<Command>,
    registry: &mut RequestRegistry,
    clock: &impl Clock,
    draining: &mut Option<Draining>,
) -> bool {
    loop {
        if scheduler.is_idle() {
            if draining.is_some() {
                return false;
            }
            let Ok(first) = commands.recv() else { return false };
            handle(first, scheduler, registry, clock, draining);
            // A team asks all at once: what comes together is computed together.
            let since = Instant::now();
            while since.elapsed() < BATCH_WINDOW
                && let Ok(next) = commands.recv_timeout(IDLE_WAIT)
            {
                handle(next, scheduler, registry, clock, draining);
            }
            continue;
        }
        match commands.try_recv() {
            Ok(command) => handle(command, scheduler, registry, clock, draining),
            Err(TryRecvError::Empty) => return true,
            Err(TryRecvError::Disconnected) => {
                draining.get_or_insert(Draining::by(clock.now()));
                return true;
            }
        }
    }
}

fn handle(
    command: Command,
    scheduler: &mut Scheduler,
    registry: &mut RequestRegistry,
    clock: &impl Clock,
    draining: &mut Option<Draining>,
) {
    match command {
        Command::Submit(submission) => {
            let Submission { job, open } = *submission;
            let id = job.id;
            let offered = match draining {
                Some(_) => Err(Rejection::Draining),
                None => scheduler.offer(clock.now(), job),
            };
            match offered {
                Ok(()) => registry.open(id, open),
                Err(rejection) => open.reject(rejection),
            }
        }
        Command::Warm(jobs) => {
            for job in jobs.into_iter().filter(|_| draining.is_none()) {
                // One that cannot run is refused again when somebody asks, and told why.
                let _refused = scheduler.offer(clock.now(), job);
            }
        }
        Command::Cancel(id) => scheduler.cancel(id),
        // The loop looks for itself.
        Command::Wake => {}
        Command::Reslot(slots, reply) => {
            let verdict = reslot(scheduler, slots);
            registry.publish(scheduler.load());
            // The asker may have gone away; the slots are set all the same.
            let _gone = reply.send(verdict);
        }
        Command::Drain(grace) => {
            registry.draining();
            let deadline = clock.now() + grace;
            match draining {
                // A second drain may only hurry the first.
                Some(draining) => draining.deadline = draining.deadline.min(deadline),
                None => *draining = Some(Draining::by(deadline)),
            }
        }
    }
}

/// Moves guaranteed slots between agents; their sum stays within what was planned.
fn reslot(scheduler: &mut Scheduler, slots: Vec<(usize, u32)>) -> Result<(), ReslotError> {
    let planned = scheduler.config().agents.iter().map(|agent| agent.slots).sum();
    let mut after: Vec<u32> = scheduler.load().iter().map(|load| load.slots).collect();
    for (agent, slots) in &slots {
        after[*agent] = *slots;
    }
    let asked = after.iter().sum();
    if asked > planned {
        return Err(ReslotError::TooMany { asked, planned });
    }
    scheduler.set_slots(slots);
    Ok(())
}

/// Changes the cache; the size of each snapshot that was saved.
pub(crate) fn apply<M: Machine>(
    machine: &mut M,
    ops: &[CacheOp],
) -> Result<Vec<(SnapshotId, Bytes)>, MachineError> {
    let mut saved = Vec::new();
    for op in ops {
        let bytes = machine.cache(op)?;
        if let CacheOp::Save { snapshot, .. } = op {
            saved.push((*snapshot, bytes));
        }
    }
    Ok(saved)
}

/// Sends each sampled token's text on its way, and says which answers end with it.
fn answer(registry: &mut RequestRegistry, step: &Step, outcome: Outcome) -> Vec<Sampled> {
    step.batch
        .sampling_rows()
        .zip(outcome.samples)
        .filter_map(|(row, drawn)| match drawn {
            SampleResult::Token(choice) => Some(emit(registry, row.request, choice)),
            SampleResult::Deferred => None,
        })
        .collect()
}

/// Chooses the tokens that were late, as far as that can be done by now; false if one still is.
fn sample_deferred(
    scheduler: &mut Scheduler,
    registry: &mut RequestRegistry,
    samplers: &mut Samplers,
) -> bool {
    let mut all = true;
    for id in scheduler.awaiting_sampling() {
        match samplers.choose_deferred(id) {
            Some(choice) => scheduler.sampled_deferred(emit(registry, id, choice)),
            None => all = false,
        }
    }
    all
}

fn emit(registry: &mut RequestRegistry, id: RequestId, choice: SampledToken) -> Sampled {
    Sampled { id, token: choice.token, stop: registry.emit(id, choice) }
}
