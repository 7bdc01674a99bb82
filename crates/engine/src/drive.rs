//! Drive loop between scheduler and machine: executes steps until drained or disconnected.

use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use harmonic_admission::Tick;
use harmonic_batching::{CacheOp, Sampled, SnapshotId, StepResult};
use harmonic_types::{Bytes, FinishReason, Rejection, RequestId};

use crate::clock::Clock;
use crate::device::{DeviceHandle, StepPermit};
use crate::engine::{Drained, ReslotError};
use crate::engine_handle::{ReslotReply, ThreadCommand};
use crate::machine::{Machine, MachineError, Outcome};
use crate::request_registry::{RequestRegistry, Submission};
use crate::sampling::{SampleResult, SampledToken, Samplers};
use crate::scheduler::{Change, Job, Scheduler, Step};

/// Maximum time that an idle engine collects commands after the first, and the pause that ends the
/// window early. Both are short beside the tens of milliseconds of a prompt.
pub(crate) const BATCH_WINDOW: Duration = Duration::from_millis(5);
pub(crate) const IDLE_WAIT: Duration = Duration::from_millis(1);

/// Time between polls for commands while the engine has work but may not run any.
pub(crate) const BLOCKED: Duration = Duration::from_millis(5);

/// A command to a running engine.
#[derive(Debug)]
pub enum Command {
    /// Submit a request.
    Submit(Box<Submission>),
    /// Compute prompts to warm the prefix cache, without a client.
    Warm(Vec<Job>),
    /// Cancel a request whose client is gone.
    Cancel(RequestId),
    /// Set planned slots, by agent index.
    Reslot(Vec<(usize, u32)>, ReslotReply),
    /// Finish open requests within this time, then end.
    Drain(Duration),
    /// Sample a deferred token: its mask is ready.
    Wake,
}

impl ThreadCommand for Command {
    fn cancel(id: RequestId) -> Self {
        Self::Cancel(id)
    }

    fn reslot(slots: Vec<(usize, u32)>, reply: ReslotReply) -> Self {
        Self::Reslot(slots, reply)
    }

    fn drain(grace: Duration) -> Self {
        Self::Drain(grace)
    }
}

/// Runs `scheduler` on `machine` until drained or until every sender of `commands` is dropped,
/// which cancels the pending requests.
///
/// # Errors
/// [`MachineError`] if the machine fails; the requests of `registry` are then still open.
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
            // Other engines must not wait for a report until the next command.
            report(&mut scheduler, device, clock.now());
        }
        if !take_commands(&mut scheduler, commands, registry, clock, &mut draining) {
            return Ok(draining.map_or(Drained::default(), |draining| draining.drained));
        }
        if draining.as_ref().is_some_and(|draining| clock.now() >= draining.deadline) {
            for id in scheduler.pending() {
                scheduler.cancel(id);
            }
        }
        let permit = report(&mut scheduler, device, clock.now());
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
        for change in &step.changes {
            registry.changed(change);
            if let Change::Start(grant) = change
                && let Some(sampler) = registry.grant(grant)
            {
                samplers.insert(grant.id, sampler);
            }
        }
        registry.publish(scheduler.load());
        let copying = clock.now();
        let saved = apply(&mut machine, &step.cache)?;
        scheduler.observe_cache_time(clock.now().since(copying));
        let mut result = StepResult { saved, ..StepResult::default() };
        if !step.batch.is_empty() {
            registry.publisher().step_begins(step.begun);
            registry.computes(&step.batch);
            let outcome = machine.run(&step.batch, &mut samplers)?;
            clock.elapse(outcome.simulated_time);
            result.sampled = answer(registry, &step, outcome);
        } else if waits && !scheduler.is_idle() {
            // Nothing to compute until a mask is ready (`Command::Wake`) or another command
            // arrives.
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
        if !step.batch.is_empty() {
            registry.publisher().step_ended(step.begun, now);
        }
        scheduler.commit(now, step, result);
    }
}

/// Reports the engine's demand to the device and applies the allowance to the scheduler.
fn report<'d>(
    scheduler: &mut Scheduler,
    device: Option<&'d DeviceHandle>,
    now: Tick,
) -> Option<(&'d DeviceHandle, StepPermit)> {
    let device = device?;
    let permit = device.report(scheduler.demand(now));
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

/// Handles pending commands; blocks while idle. False if the loop has to end.
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
                registry.publisher().publish_record(clock.now());
                return false;
            }
            let Some(first) = wait(commands, registry, clock) else { return false };
            handle(first, scheduler, registry, clock, draining);
            // Agents of a team submit at the same time: batch their prompts.
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

/// The next command of an idle engine; `None` where there will be none. What was computed last is
/// published when its record is due.
fn wait(
    commands: &Receiver<Command>,
    registry: &mut RequestRegistry,
    clock: &impl Clock,
) -> Option<Command> {
    if let Some(due) = registry.publisher().until_record(clock.now()) {
        match commands.recv_timeout(due) {
            Ok(command) => return Some(command),
            Err(RecvTimeoutError::Timeout) => registry.publisher().publish_record(clock.now()),
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
    commands.recv().ok()
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
                // A prefix that cannot run is rejected again, with the reason, on the first
                // request.
                let _refused = scheduler.offer(clock.now(), job);
            }
        }
        Command::Cancel(id) => scheduler.cancel(id),
        // Only wakes the loop, which samples deferred tokens in each iteration.
        Command::Wake => {}
        Command::Reslot(slots, reply) => {
            let verdict = reslot(scheduler, slots);
            registry.publish(scheduler.load());
            if verdict.is_ok() {
                registry.publisher().slots_changed(&scheduler.load());
            }
            // The caller may be gone; the slots are set all the same.
            let _gone = reply.send(verdict);
        }
        Command::Drain(grace) => {
            registry.draining();
            let deadline = clock.now() + grace;
            match draining {
                // A second drain may only shorten the first.
                Some(draining) => draining.deadline = draining.deadline.min(deadline),
                None => *draining = Some(Draining::by(deadline)),
            }
        }
    }
}

/// Moves planned slots between agents; their sum must not exceed the plan.
fn reslot(scheduler: &mut Scheduler, slots: Vec<(usize, u32)>) -> Result<(), ReslotError> {
    let planned = scheduler.config().agents.iter().map(|agent| agent.slots).sum();
    ReslotError::check(planned, &scheduler.load(), &slots)?;
    scheduler.set_slots(slots);
    Ok(())
}

/// Executes cache operations; returns the sizes of the saved snapshots.
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

/// Emits the text of each sampled token; returns the tokens with their stop flags.
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

/// Samples deferred tokens whose masks are ready; false if any is still deferred.
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
