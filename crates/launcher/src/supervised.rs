//! An engine that is started again when it dies.
//!
//! Owns: the engine that serves now, and the task that waits for its death.
//!
//! Invariants: the dead engine is let go before its successor is started, so there is never twice
//! the memory; requests that come meanwhile are refused and told when to come back; a drain ends
//! the supervision first, so nothing is started after it.
//!
//! Does not do: last words to the requests of the dead engine (it has said them when it ends);
//! surviving a crash of native code, which ends the whole process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use harmonic_engine::{
    AgentSlots, Capabilities, Drained, Engine, EngineError, EngineStatus, Generation, Health,
    ReslotError,
};
use harmonic_events::TeamEvent;
use harmonic_types::{AgentName, Rejection, Request, Tokens};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::restart_policy::{RestartLimits, RestartPolicy};
use crate::start::Start;

/// An engine that is started again when it dies.
pub(crate) struct Supervised {
    seat: Arc<EngineSlot>,
    start: Start,
    supervisor: TaskTracker,
    /// A supervised engine that is dropped is not supervised any more.
    _stop: DropGuard,
}

/// Who serves now.
struct EngineSlot {
    state: Mutex<State>,
    /// Slots as they were changed since the plan: the successor gets them, too.
    slots: Mutex<AgentSlots>,
    stop: CancellationToken,
}

enum State {
    Serves(Arc<dyn Engine>),
    /// Nobody: the last one died, and the next is expected at `back`.
    Away {
        last: EngineStatus,
        back: Instant,
    },
    /// Nobody any more.
    Gone {
        last: EngineStatus,
    },
}

impl Supervised {
    /// Supervises `engine`, which `start` made in the time that it `took`.
    pub(crate) fn new(
        engine: Arc<dyn Engine>,
        start: Start,
        limits: RestartLimits,
        took: Duration,
    ) -> Self {
        let stop = CancellationToken::new();
        let seat = Arc::new(EngineSlot {
            state: Mutex::new(State::Serves(Arc::clone(&engine))),
            slots: Mutex::default(),
            stop: stop.clone(),
        });
        let supervisor = TaskTracker::new();
        let supervision =
            Supervision { seat: Arc::clone(&seat), start: start.clone(), limits, took };
        supervisor.spawn(supervision.run(engine));
        supervisor.close();
        Self { seat, start, supervisor, _stop: stop.drop_guard() }
    }

    fn serving(&self) -> Option<Arc<dyn Engine>> {
        self.seat.serving()
    }
}

impl EngineSlot {
    /// Every write is a plain assignment, so a state is whole even after a panic.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serving(&self) -> Option<Arc<dyn Engine>> {
        match &*self.state() {
            State::Serves(engine) => Some(Arc::clone(engine)),
            State::Away { .. } | State::Gone { .. } => None,
        }
    }

    fn capabilities(&self) -> Capabilities {
        match &*self.state() {
            State::Serves(engine) => engine.capabilities(),
            State::Away { last, .. } | State::Gone { last } => last.capabilities,
        }
    }

    fn status(&self) -> EngineStatus {
        match &*self.state() {
            State::Serves(engine) => engine.status(),
            State::Away { last, .. } | State::Gone { last } => last.clone(),
        }
    }

    /// Nobody serves; `health` says why. Lets the engine go.
    fn vacate(&self, health: Health, back: Option<Instant>) {
        let mut last = self.status();
        last.health = health;
        // What ran and waited there has had its last word.
        for agent in &mut last.agents {
            (agent.in_flight, agent.borrowed, agent.preempted, agent.queued) = (0, 0, 0, 0);
        }
        *self.state() = match back {
            Some(back) => State::Away { last, back },
            None => State::Gone { last },
        };
    }

    /// Why a request cannot be taken now; `None` where somebody serves.
    fn refusal(&self, agent: &AgentName) -> Option<Rejection> {
        match &*self.state() {
            State::Serves(_) => None,
            State::Away { .. } | State::Gone { .. } if self.stop.is_cancelled() => {
                Some(Rejection::Draining)
            }
            State::Away { back, .. } => Some(Rejection::Restarting {
                agent: agent.clone(),
                retry_after: back.saturating_duration_since(Instant::now()),
            }),
            State::Gone { last } => Some(match &last.health {
                Health::Died { message } => {
                    Rejection::EngineDied { agent: agent.clone(), message: message.clone() }
                }
                _ => Rejection::Draining,
            }),
        }
    }
}

/// The task that waits for deaths.
struct Supervision {
    seat: Arc<EngineSlot>,
    start: Start,
    limits: RestartLimits,
    took: Duration,
}

impl Supervision {
    /// Until the engine ends otherwise than by dying, has died too often, or nobody wants it.
    async fn run(mut self, engine: Arc<dyn Engine>) {
        let stop = self.seat.stop.clone();
        let mut deaths = RestartPolicy::new(self.limits);
        let mut ended = engine.ended();
        drop(engine);
        while let Some(Health::Died { message }) = stop.run_until_cancelled(&mut ended).await {
            match self.replace(message, &mut deaths).await {
                Some(next) => ended = next,
                None => return,
            }
        }
    }

    /// Starts a successor of the engine that died of `message`; resolves to its end. `None` when
    /// there will be none.
    async fn replace(
        &mut self,
        mut message: String,
        deaths: &mut RestartPolicy,
    ) -> Option<BoxFuture<'static, Health>> {
        let id = self.start.engine().id.clone();
        loop {
            let Some(pause) = deaths.add(Instant::now()) else {
                let RestartLimits { most, within, .. } = self.limits;
                let minutes = within.as_secs() / 60;
                message = format!("{message}; given up after {most} deaths in {minutes} minutes");
                tracing::error!(engine = id, "given up");
                self.publish_death(&message, None);
                self.seat.vacate(Health::Died { message }, None);
                return None;
            };
            self.publish_death(&message, Some(pause + self.took));
            let health = Health::Restarting { message: message.clone() };
            self.seat.vacate(health, Some(Instant::now() + pause + self.took));
            tracing::warn!(engine = id, ?pause, "starting it again");
            let stop = self.seat.stop.clone();
            stop.run_until_cancelled(tokio::time::sleep(pause)).await?;
            let began = Instant::now();
            match self.start.start_again().await {
                Ok(engine) => {
                    self.took = began.elapsed();
                    return self.seat_next(engine).await;
                }
                Err(error) => {
                    message = reason(&error);
                    tracing::error!(engine = id, error = message, "did not start again");
                }
            }
        }
    }

    fn publish_death(&self, message: &str, restart_in: Option<Duration>) {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.start.publish(TeamEvent::EngineDied {
            engine: self.start.engine().id.clone(),
            message: message.to_owned(),
            restart_in_ms: restart_in.map(millis),
        });
    }

    /// The successor serves from now on, unless the engine is not wanted any more.
    async fn seat_next(&self, engine: Arc<dyn Engine>) -> Option<BoxFuture<'static, Health>> {
        let slots = self.seat.slots.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !slots.is_empty()
            && let Err(error) = engine.reslot(slots).await
        {
            tracing::warn!(%error, "the slots are those of the plan again");
        }
        if self.seat.stop.is_cancelled() {
            engine.drain(Duration::ZERO).await;
            return None;
        }
        tracing::info!(engine = self.start.engine().id, took = ?self.took, "it serves again");
        let ended = engine.ended();
        *self.seat.state() = State::Serves(engine);
        Some(ended)
    }
}

/// An error with its causes, in a line.
fn reason(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

impl Engine for Supervised {
    fn submit(&self, request: Request) -> BoxFuture<'static, Result<Generation, Rejection>> {
        let agent = request.agent.clone();
        let Some(engine) = self.serving() else {
            let refused = self.seat.refusal(&agent).unwrap_or(Rejection::Restarting {
                agent,
                // It has come back this moment.
                retry_after: Duration::ZERO,
            });
            return ready(Err(refused)).boxed();
        };
        let submitted = engine.submit(request);
        // Whoever waits for a slot must not hold an engine that dies meanwhile.
        drop(engine);
        let seat = Arc::downgrade(&self.seat);
        async move {
            match submitted.await {
                Err(Rejection::EngineDied { agent, message }) => {
                    // The supervisor may not have seen it yet: then a successor is on its way.
                    let refused = seat.upgrade().and_then(|seat| match &*seat.state() {
                        State::Gone { .. } => None,
                        State::Away { back, .. } => {
                            Some(back.saturating_duration_since(Instant::now()))
                        }
                        State::Serves(_) => Some(Duration::ZERO),
                    });
                    Err(match refused {
                        Some(retry_after) => Rejection::Restarting { agent, retry_after },
                        None => Rejection::EngineDied { agent, message },
                    })
                }
                other => other,
            }
        }
        .boxed()
    }

    fn check(&self, request: &Request) -> Result<(), Rejection> {
        // What is away is for `submit` to say.
        self.serving().map_or(Ok(()), |engine| engine.check(request))
    }

    fn capabilities(&self) -> Capabilities {
        self.seat.capabilities()
    }

    fn count_tokens(&self, request: Request) -> BoxFuture<'_, Result<Tokens, EngineError>> {
        async move {
            let agent = request.agent.clone();
            match (self.serving(), self.seat.refusal(&agent)) {
                (Some(engine), _) => engine.count_tokens(request).await,
                (None, Some(refused)) => Err(refused.into()),
                (None, None) => {
                    Err(Rejection::Restarting { agent, retry_after: Duration::ZERO }.into())
                }
            }
        }
        .boxed()
    }

    fn status(&self) -> EngineStatus {
        self.seat.status()
    }

    fn reslot(&self, slots: AgentSlots) -> BoxFuture<'_, Result<(), ReslotError>> {
        async move {
            let engine = self.serving().ok_or(ReslotError::Stopped)?;
            engine.reslot(slots.clone()).await?;
            self.seat.slots.lock().unwrap_or_else(PoisonError::into_inner).extend(slots);
            Ok(())
        }
        .boxed()
    }

    fn drain(&self, grace: Duration) -> BoxFuture<'_, Drained> {
        self.seat.stop.cancel();
        async move {
            // At once, unless an engine is being started: that one is not to stay.
            self.supervisor.wait().await;
            let drained = if let Some(engine) = self.serving() {
                engine.drain(grace).await
            } else {
                self.seat.vacate(Health::Stopped, None);
                Drained::default()
            };
            let engine = self.start.engine().id.clone();
            self.start.publish(TeamEvent::EngineStopped { engine });
            drained
        }
        .boxed()
    }
}

impl std::fmt::Debug for Supervised {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Supervised").field("engine", &self.status().id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
