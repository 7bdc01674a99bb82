//! The loop between scheduler and machine: one step after the other until there is nobody left.

use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use harmonic_admission::Tick;
use harmonic_batching::{CacheOp, Committed, Sampled, SnapshotId};
use harmonic_types::{Bytes, FinishReason, Refused, RequestId};

use crate::clock::Clock;
use crate::desk::{Desk, Submission};
use crate::device::{DevicePlace, Turn};
use crate::engine::{Drained, ReslotError};
use crate::machine::{Machine, MachineError, Outcome};
use crate::sampling::{Choice, Drawn, Samplers};
use crate::scheduler::{Job, Scheduler, Step};

/// How long an idle engine that gets mail waits for more at most, and how long the mailbox has to be
/// quiet for it to start at once. Both are little beside a prompt's tens of milliseconds.
const GATHER: Duration = Duration::from_millis(5);
const QUIET: Duration = Duration::from_millis(1);

/// How long an engine that may not run anything waits before it looks for mail again.
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

/// Runs `scheduler` on `machine` until it is drained or every sender of `mail` is gone. Requests
/// that are still pending then are cancelled.
///
/// # Errors
/// When the machine fails; the requests of `desk` are then still open.
pub fn drive<M: Machine>(
    mut machine: M,
    mut scheduler: Scheduler,
    mail: &Receiver<Command>,
    desk: &mut Desk,
    device: Option<&DevicePlace>,
    clock: &mut impl Clock,
    mut samplers: Samplers,
) -> Result<Drained, MachineError> {
    let mut ending: Option<Ending> = None;
    loop {
        if scheduler.is_idle() {
            // The others need not wait for a report until there is mail again.
            report(&mut scheduler, device);
        }
        if !take_mail(&mut scheduler, mail, desk, clock, &mut ending) {
            return Ok(ending.map_or(Drained::default(), |ending| ending.drained));
        }
        if ending.as_ref().is_some_and(|ending| clock.now() >= ending.deadline) {
            for id in scheduler.pending() {
                scheduler.cancel(id);
            }
        }
        let turn = report(&mut scheduler, device);
        if let Some((device, turn)) = turn.filter(|(_, turn)| turn.allowance.yields) {
            device.wait(turn, scheduler.config().step_time);
        }
        let waits = !give_late(&mut scheduler, desk, &mut samplers);
        let step = scheduler.step(clock.now());
        for finished in &step.finished {
            samplers.remove(finished.id);
            let told = desk.finish(finished);
            match (&mut ending, finished.reason) {
                (Some(ending), FinishReason::Cancelled) if told => ending.drained.cancelled += 1,
                (Some(ending), _) if told => ending.drained.finished += 1,
                _ => {}
            }
        }
        for grant in &step.granted {
            if let Some(sampler) = desk.grant(grant) {
                samplers.insert(grant.id, sampler);
            }
        }
        desk.publish(scheduler.load());
        let copying = clock.now();
        let saved = apply(&mut machine, &step.cache)?;
        scheduler.cache_took(clock.now().since(copying));
        let mut done = Committed { saved, ..Committed::default() };
        if !step.batch.is_empty() {
            let outcome = machine.run(&step.batch, &mut samplers)?;
            clock.elapse(outcome.pretended);
            done.sampled = answer(desk, &step, outcome);
        } else if waits && !scheduler.is_idle() {
            // Nothing to compute until a mask is there, which is said by mail, or something else is.
            if let Ok(command) = mail.recv_timeout(BLOCKED) {
                obey(command, &mut scheduler, desk, clock, &mut ending);
            }
        } else if let (false, Some((device, turn))) = (scheduler.is_idle(), turn) {
            device.wait(turn, BLOCKED);
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
    device: Option<&'d DevicePlace>,
) -> Option<(&'d DevicePlace, Turn)> {
    let device = device?;
    let turn = device.report(scheduler.demand());
    scheduler.set_limit(turn.allowance.in_flight);
    Some((device, turn))
}

/// A drain under way.
#[derive(Debug)]
struct Ending {
    deadline: Tick,
    drained: Drained,
}

impl Ending {
    fn by(deadline: Tick) -> Self {
        Self { deadline, drained: Drained::default() }
    }
}

/// Takes what has arrived; waits when there is nothing else to do. False when it is time to end.
fn take_mail(
    scheduler: &mut Scheduler,
    mail: &Receiver<Command>,
    desk: &mut Desk,
    clock: &impl Clock,
    ending: &mut Option<Ending>,
) -> bool {
    loop {
        if scheduler.is_idle() {
            if ending.is_some() {
                return false;
            }
            let Ok(first) = mail.recv() else { return false };
            obey(first, scheduler, desk, clock, ending);
            // A team asks all at once: what comes together is computed together.
            let since = Instant::now();
            while since.elapsed() < GATHER
                && let Ok(next) = mail.recv_timeout(QUIET)
            {
                obey(next, scheduler, desk, clock, ending);
            }
            continue;
        }
        match mail.try_recv() {
            Ok(command) => obey(command, scheduler, desk, clock, ending),
            Err(TryRecvError::Empty) => return true,
            Err(TryRecvError::Disconnected) => {
                ending.get_or_insert(Ending::by(clock.now()));
                return true;
            }
        }
    }
}

fn obey(
    command: Command,
    scheduler: &mut Scheduler,
    desk: &mut Desk,
    clock: &impl Clock,
    ending: &mut Option<Ending>,
) {
    match command {
        Command::Submit(submission) => {
            let Submission { job, open } = *submission;
            let id = job.id;
            let offered = match ending {
                Some(_) => Err(Refused::Draining),
                None => scheduler.offer(clock.now(), job),
            };
            match offered {
                Ok(()) => desk.open(id, open),
                Err(refused) => open.refuse(refused),
            }
        }
        Command::Warm(jobs) => {
            for job in jobs.into_iter().filter(|_| ending.is_none()) {
                // One that cannot run is refused again when somebody asks, and told why.
                let _refused = scheduler.offer(clock.now(), job);
            }
        }
        Command::Cancel(id) => scheduler.cancel(id),
        // The loop looks for itself.
        Command::Wake => {}
        Command::Reslot(slots, reply) => {
            let verdict = reslot(scheduler, slots);
            desk.publish(scheduler.load());
            // The asker may have gone away; the slots are set all the same.
            let _gone = reply.send(verdict);
        }
        Command::Drain(grace) => {
            desk.draining();
            let deadline = clock.now() + grace;
            match ending {
                // A second drain may only hurry the first.
                Some(ending) => ending.deadline = ending.deadline.min(deadline),
                None => *ending = Some(Ending::by(deadline)),
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
fn answer(desk: &mut Desk, step: &Step, outcome: Outcome) -> Vec<Sampled> {
    step.batch
        .sampling_rows()
        .zip(outcome.choices)
        .filter_map(|(row, drawn)| match drawn {
            Drawn::Token(choice) => Some(tell(desk, row.request, choice)),
            Drawn::Late => None,
        })
        .collect()
}

/// Chooses the tokens that were late, as far as that can be done by now; false if one still is.
fn give_late(scheduler: &mut Scheduler, desk: &mut Desk, samplers: &mut Samplers) -> bool {
    let mut all = true;
    for id in scheduler.owing() {
        match samplers.choose_late(id) {
            Some(choice) => scheduler.sampled_late(tell(desk, id, choice)),
            None => all = false,
        }
    }
    all
}

fn tell(desk: &mut Desk, id: RequestId, choice: Choice) -> Sampled {
    Sampled { id, token: choice.token, stop: desk.tell(id, choice) }
}
