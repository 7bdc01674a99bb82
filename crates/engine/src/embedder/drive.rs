//! Loop of an engine that computes embeddings: admits requests and computes batches until drained
//! or disconnected.

use std::fmt;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use harmonic_admission::{Admission, Decision, Slots, Tick, Ticket};
use harmonic_types::{Rejection, RequestClass, RequestId};

use super::encoder::Encoder;
use super::requests::{BatchLimits, EmbeddingRequests, OpenRequest, Reply};
use crate::clock::Clock;
use crate::device::{DeviceHandle, StepPermit};
use crate::drive::{BATCH_WINDOW, BLOCKED, IDLE_WAIT};
use crate::engine::{Drained, EngineError, ReslotError};
use crate::engine_handle::{ReslotReply, ThreadCommand};
use crate::local::LocalConfig;
use crate::machine::MachineError;
use crate::thread::ThreadContext;

/// Longest wait for a higher tier on another engine, as for other engines.
const YIELD: Duration = Duration::from_millis(700);

/// A command to a running engine.
pub(super) enum Command {
    Submit(RequestId, Box<OpenRequest>),
    /// Cancel a request whose client is gone.
    Cancel(RequestId),
    /// Set planned slots, by agent index.
    Reslot(Vec<(usize, u32)>, ReslotReply),
    /// Finish open requests within this time, then end.
    Drain(Duration),
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

/// Context of an engine thread, from which an encoder is driven.
pub struct EmbedderThread<'a>(pub(super) ThreadContext<'a, Command, EmbeddingRequests>);

impl fmt::Debug for EmbedderThread<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let engine = &self.0.config.id;
        f.debug_struct("EmbedderThread").field("engine", engine).finish_non_exhaustive()
    }
}

impl EmbedderThread<'_> {
    /// Reports the encoder as ready and drives it until the engine is drained or dropped.
    ///
    /// # Errors
    /// [`EngineError::Setup`] if an agent's context exceeds a batch; [`EngineError::Died`] if the
    /// encoder fails.
    pub fn drive<E: Encoder>(self, encoder: E, clock: &mut impl Clock) -> Result<(), EngineError> {
        let Self(context) = self;
        let config = context.config;
        let batch = encoder.batch_tokens();
        if let Some(agent) = config.agents.iter().find(|agent| agent.context.0 as usize > batch) {
            let reason = format!(
                "the context of {} has {} tokens, and a batch has {batch}: plan again",
                agent.spec.name, agent.context
            );
            return Err(EngineError::Setup { id: config.id.clone(), reason });
        }
        let admission = Admission::new(config.admission());
        // A slot is a request in flight; nothing but their number limits them.
        let room = Slots::new(admission.config().max_in_flight, 1);
        context.requests.publisher().slots_changed(&admission.load());
        context.ready(encoder.allocation());
        let requests = &mut *context.requests;
        let engine = Loop { encoder, admission, room, requests, draining: None };
        let result = engine.run(context.commands, config.device.as_ref(), clock);
        context.ended(result)
    }
}

impl LocalConfig {
    /// Limits on the requests in flight of an engine that computes embeddings: as many as inputs
    /// fit one batch.
    fn admission(&self) -> harmonic_admission::AdmissionConfig {
        let mut config = self.scheduler(false).admission();
        config.max_in_flight = config.max_in_flight.min(self.sequences).max(1);
        config
    }
}

struct Loop<'a, E> {
    encoder: E,
    admission: Admission,
    room: Slots,
    requests: &'a mut EmbeddingRequests,
    draining: Option<(Tick, Drained)>,
}

impl<E: Encoder> Loop<'_, E> {
    fn run(
        mut self,
        commands: &Receiver<Command>,
        device: Option<&DeviceHandle>,
        clock: &mut impl Clock,
    ) -> Result<Drained, MachineError> {
        loop {
            if self.requests.is_empty() {
                // Other engines must not wait for a report until the next command.
                self.report(device, clock.now());
            }
            if !self.take_commands(commands, clock) {
                return Ok(self.draining.map_or(Drained::default(), |(_, drained)| drained));
            }
            if self.draining.as_ref().is_some_and(|(deadline, _)| clock.now() >= *deadline) {
                for id in self.requests.ids() {
                    self.cancel(id);
                }
            }
            let permit = self.report(device, clock.now());
            if let Some((device, permit)) = permit.filter(|(_, permit)| permit.allowance.yields) {
                device.wait(permit, YIELD);
            }
            for decision in self.admission.decide(clock.now(), &mut self.room) {
                // Slots are never preempted.
                if let Decision::Start { id, queued, borrowed } = decision {
                    self.requests.admit(id, queued, borrowed);
                }
            }
            self.requests.publish(self.admission.load());
            if !self.compute(clock)?
                && !self.requests.is_empty()
                && let Some((device, permit)) = permit
            {
                device.wait(permit, BLOCKED);
            }
        }
    }

    /// Computes one batch; whether there was one.
    fn compute(&mut self, clock: &mut impl Clock) -> Result<bool, MachineError> {
        let (tokens, inputs) = (self.encoder.batch_tokens(), self.encoder.batch_inputs());
        let (now, admission) = (clock.now(), &self.admission);
        let rank = |id| admission.rank(id, now).unwrap_or(i128::MAX);
        let batch = self.requests.fill(BatchLimits { tokens, inputs }, rank);
        if batch.is_empty() {
            return Ok(false);
        }
        self.requests.publisher().step_begins(now);
        let inputs: Vec<&[_]> = batch.iter().map(|input| input.tokens.as_slice()).collect();
        let encoded = self.encoder.encode(&inputs)?;
        clock.elapse(encoded.simulated_time);
        let replies = self.requests.complete(&batch, encoded.vectors);
        for reply in &replies {
            self.admission.release(reply.id, &mut self.room);
            if let Some((_, drained)) = &mut self.draining {
                drained.finished += 1;
            }
        }
        self.requests.publish(self.admission.load());
        self.requests.publisher().step_ended(now, clock.now());
        replies.into_iter().for_each(Reply::send);
        Ok(true)
    }

    /// Reports the engine's demand to the device and applies the allowance.
    fn report<'d>(
        &mut self,
        device: Option<&'d DeviceHandle>,
        now: Tick,
    ) -> Option<(&'d DeviceHandle, StepPermit)> {
        let device = device?;
        let demand = self.admission.demand(now, |id| self.requests.is_untouched(id));
        let permit = device.report(demand);
        self.admission.set_limit(permit.allowance.in_flight);
        Some((device, permit))
    }

    /// Handles pending commands; blocks while idle. False if the loop has to end.
    fn take_commands(&mut self, commands: &Receiver<Command>, clock: &impl Clock) -> bool {
        loop {
            if self.requests.is_empty() {
                if self.draining.is_some() {
                    self.requests.publisher().publish_record(clock.now());
                    return false;
                }
                let Some(first) = self.wait(commands, clock) else { return false };
                self.handle(first, clock);
                // Clients submit at the same time: batch their inputs.
                let since = Instant::now();
                while since.elapsed() < BATCH_WINDOW
                    && let Ok(next) = commands.recv_timeout(IDLE_WAIT)
                {
                    self.handle(next, clock);
                }
                continue;
            }
            match commands.try_recv() {
                Ok(command) => self.handle(command, clock),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => {
                    self.draining.get_or_insert((clock.now(), Drained::default()));
                    return true;
                }
            }
        }
    }

    /// The next command while idle; `None` where there will be none.
    fn wait(&mut self, commands: &Receiver<Command>, clock: &impl Clock) -> Option<Command> {
        if let Some(due) = self.requests.publisher().until_record(clock.now()) {
            match commands.recv_timeout(due) {
                Ok(command) => return Some(command),
                Err(RecvTimeoutError::Timeout) => {
                    self.requests.publisher().publish_record(clock.now());
                }
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        commands.recv().ok()
    }

    fn handle(&mut self, command: Command, clock: &impl Clock) {
        match command {
            Command::Submit(id, request) => {
                let class = RequestClass::Interactive;
                let ticket = Ticket { id, agent: request.index, class };
                let offered = match self.draining {
                    Some(_) => Err(Rejection::Draining),
                    None => self.admission.offer(clock.now(), ticket),
                };
                match (offered, *request) {
                    (Ok(()), request) => self.requests.open(id, request),
                    (Err(rejection), OpenRequest { admission: Some(admission), .. }) => {
                        let _gone = admission.send(Err(rejection));
                    }
                    (Err(_), _) => {}
                }
            }
            Command::Cancel(id) => self.cancel(id),
            Command::Reslot(slots, reply) => {
                let verdict = self.reslot(slots);
                let load = self.admission.load();
                if verdict.is_ok() {
                    self.requests.publisher().slots_changed(&load);
                }
                self.requests.publish(load);
                // The caller may be gone; the slots are set all the same.
                let _gone = reply.send(verdict);
            }
            Command::Drain(grace) => {
                self.requests.draining();
                let deadline = clock.now() + grace;
                match &mut self.draining {
                    // A second drain may only shorten the first.
                    Some((earlier, _)) => *earlier = deadline.min(*earlier),
                    None => self.draining = Some((deadline, Drained::default())),
                }
            }
        }
    }

    fn cancel(&mut self, id: RequestId) {
        self.admission.release(id, &mut self.room);
        if self.requests.cancel(id)
            && let Some((_, drained)) = &mut self.draining
        {
            drained.cancelled += 1;
        }
        self.requests.publish(self.admission.load());
    }

    /// Moves planned slots between agents; their sum must not exceed the plan.
    fn reslot(&mut self, slots: Vec<(usize, u32)>) -> Result<(), ReslotError> {
        let planned = self.admission.config().agents.iter().map(|agent| agent.slots).sum();
        ReslotError::check(planned, &self.admission.load(), &slots)?;
        self.admission.set_slots(slots);
        Ok(())
    }
}
