//! Supervision of one engine: it is restarted when it dies.
//!
//! Owns: the engine that serves now, and the task that waits for its end.
//!
//! Invariants: the dead engine is dropped before its successor starts, so memory is never held
//! twice; requests that arrive meanwhile are refused with a retry delay; a drain ends the
//! supervision first, so no engine starts after it.
//!
//! Does not do: ending the requests of the dead engine (its own thread has done that); surviving a
//! crash of native code, which ends the whole process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use harmonic_engine::{
    AgentSlots, Capabilities, Drained, EmbeddingRun, Engine, EngineError, EngineStatus, Generation,
    Health, ReslotError,
};
use harmonic_events::TeamEvent;
use harmonic_types::{AgentName, EmbeddingRequest, Rejection, Request, Tokens};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::engine_starter::EngineStarter;
use crate::restart_policy::{RestartLimits, RestartPolicy};

/// Engine that is restarted when it dies.
pub(crate) struct Supervised {
    current: Arc<EngineSlot>,
    starter: EngineStarter,
    supervisor: TaskTracker,
    /// Ends the supervision when the engine is dropped.
    _stop: DropGuard,
}

/// Current engine and what its successors inherit.
struct EngineSlot {
    state: Mutex<State>,
    /// Slots changed since the start; successors get them, too.
    slots: Mutex<AgentSlots>,
    stop: CancellationToken,
}

enum State {
    Serving(Arc<dyn Engine>),
    /// The last engine died; its successor is expected at `restart_at`.
    Restarting {
        last: EngineStatus,
        restart_at: Instant,
    },
    /// The engine has ended and is not restarted.
    Ended {
        last: EngineStatus,
    },
}

impl Supervised {
    /// Supervises `engine`, which `starter` started in `took`.
    pub(crate) fn new(
        engine: Arc<dyn Engine>,
        starter: EngineStarter,
        limits: RestartLimits,
        took: Duration,
    ) -> Self {
        let stop = CancellationToken::new();
        let current = Arc::new(EngineSlot {
            state: Mutex::new(State::Serving(Arc::clone(&engine))),
            slots: Mutex::default(),
            stop: stop.clone(),
        });
        let supervisor = TaskTracker::new();
        let supervision =
            Supervision { current: Arc::clone(&current), starter: starter.clone(), limits, took };
        supervisor.spawn(supervision.run(engine));
        supervisor.close();
        Self { current, starter, supervisor, _stop: stop.drop_guard() }
    }

    fn serving(&self) -> Option<Arc<dyn Engine>> {
        self.current.serving()
    }
}

impl EngineSlot {
    /// Every write is a plain assignment, so the state is consistent even after a panic.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serving(&self) -> Option<Arc<dyn Engine>> {
        match &*self.state() {
            State::Serving(engine) => Some(Arc::clone(engine)),
            State::Restarting { .. } | State::Ended { .. } => None,
        }
    }

    fn capabilities(&self) -> Capabilities {
        match &*self.state() {
            State::Serving(engine) => engine.capabilities(),
            State::Restarting { last, .. } | State::Ended { last } => last.capabilities,
        }
    }

    fn status(&self) -> EngineStatus {
        match &*self.state() {
            State::Serving(engine) => engine.status(),
            State::Restarting { last, .. } | State::Ended { last } => last.clone(),
        }
    }

    /// Drops the engine and reports `health`; a restart is expected at `restart_at`.
    fn set_unavailable(&self, health: Health, restart_at: Option<Instant>) {
        let mut last = self.status();
        last.health = health;
        // Its requests have ended.
        for agent in &mut last.agents {
            (agent.in_flight, agent.borrowed, agent.preempted, agent.queued) = (0, 0, 0, 0);
        }
        *self.state() = match restart_at {
            Some(restart_at) => State::Restarting { last, restart_at },
            None => State::Ended { last },
        };
    }

    /// Refusal of a request while no engine serves; `None` while one does.
    fn refusal(&self, agent: &AgentName) -> Option<Rejection> {
        match &*self.state() {
            State::Serving(_) => None,
            State::Restarting { .. } | State::Ended { .. } if self.stop.is_cancelled() => {
                Some(Rejection::Draining)
            }
            State::Restarting { restart_at, .. } => Some(Rejection::Restarting {
                agent: agent.clone(),
                retry_after: restart_at.saturating_duration_since(Instant::now()),
            }),
            State::Ended { last } => Some(match &last.health {
                Health::Died { message } => {
                    Rejection::EngineDied { agent: agent.clone(), message: message.clone() }
                }
                _ => Rejection::Draining,
            }),
        }
    }
}

/// Task that restarts the engine when it dies.
struct Supervision {
    current: Arc<EngineSlot>,
    starter: EngineStarter,
    limits: RestartLimits,
    took: Duration,
}

impl Supervision {
    /// Runs until the engine stops, reaches the restart limit, or is dropped or drained.
    async fn run(mut self, engine: Arc<dyn Engine>) {
        let stop = self.current.stop.clone();
        let mut policy = RestartPolicy::new(self.limits);
        let mut ended = engine.ended();
        drop(engine);
        while let Some(Health::Died { message }) = stop.run_until_cancelled(&mut ended).await {
            match self.restart(message, &mut policy).await {
                Some(next) => ended = next,
                None => return,
            }
        }
    }

    /// Starts a successor of the engine that died with `message`; returns the future of its end.
    /// `None` when it is not restarted.
    async fn restart(
        &mut self,
        mut message: String,
        policy: &mut RestartPolicy,
    ) -> Option<BoxFuture<'static, Health>> {
        let id = self.starter.engine().id.clone();
        loop {
            let Some(delay) = policy.record_death(Instant::now()) else {
                let RestartLimits { max_deaths, window, .. } = self.limits;
                let minutes = window.as_secs() / 60;
                message =
                    format!("{message}; given up after {max_deaths} deaths in {minutes} minutes");
                tracing::error!(engine = id, "restart limit reached");
                self.publish_death(&message, None);
                self.current.set_unavailable(Health::Died { message }, None);
                return None;
            };
            self.publish_death(&message, Some(delay + self.took));
            let health = Health::Restarting { message: message.clone() };
            self.current.set_unavailable(health, Some(Instant::now() + delay + self.took));
            tracing::warn!(engine = id, ?delay, "engine died, restarting it");
            let stop = self.current.stop.clone();
            stop.run_until_cancelled(tokio::time::sleep(delay)).await?;
            let began = Instant::now();
            match self.starter.restart().await {
                Ok(engine) => {
                    self.took = began.elapsed();
                    return self.install(engine).await;
                }
                Err(error) => {
                    message = reason(&error);
                    tracing::error!(engine = id, error = message, "restart failed");
                }
            }
        }
    }

    fn publish_death(&self, message: &str, restart_in: Option<Duration>) {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.starter.publish(TeamEvent::EngineDied {
            engine: self.starter.engine().id.clone(),
            message: message.to_owned(),
            restart_in_ms: restart_in.map(millis),
        });
    }
    /// Makes `engine` the current one, unless a drain has begun.
    async fn install(&self, engine: Arc<dyn Engine>) -> Option<BoxFuture<'static, Health>> {
        let slots = self.current.slots.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !slots.is_empty()
            && let Err(error) = engine.reslot(slots).await
        {
            tracing::warn!(%error, "changed slots are lost: the engine has those of the plan");
        }
        if self.current.stop.is_cancelled() {
            engine.drain(Duration::ZERO).await;
            return None;
        }
        tracing::info!(engine = self.starter.engine().id, took = ?self.took, "engine restarted");
        let ended = engine.ended();
        *self.current.state() = State::Serving(engine);
        Some(ended)
    }
}

/// An error with its causes, in one line.
fn reason(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

impl Supervised {
    /// The result of `call` on the engine that serves, whose death becomes a refusal with a retry
    /// delay.
    fn submit_to<T: Send + 'static>(
        &self,
        agent: AgentName,
        call: impl FnOnce(&dyn Engine) -> BoxFuture<'static, Result<T, Rejection>>,
    ) -> BoxFuture<'static, Result<T, Rejection>> {
        let Some(engine) = self.serving() else {
            let refused = self.current.refusal(&agent).unwrap_or(Rejection::Restarting {
                agent,
                // The successor has just started.
                retry_after: Duration::ZERO,
            });
            return ready(Err(refused)).boxed();
        };
        let submitted = call(&*engine);
        // A queued request must not keep a dead engine alive.
        drop(engine);
        let current = Arc::downgrade(&self.current);
        async move {
            match submitted.await {
                Err(Rejection::EngineDied { agent, message }) => {
                    // The supervisor may not have seen the death yet: a restart follows.
                    let refused = current.upgrade().and_then(|current| match &*current.state() {
                        State::Ended { .. } => None,
                        State::Restarting { restart_at, .. } => {
                            Some(restart_at.saturating_duration_since(Instant::now()))
                        }
                        State::Serving(_) => Some(Duration::ZERO),
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
}

impl Engine for Supervised {
    fn submit(&self, request: Request) -> BoxFuture<'static, Result<Generation, Rejection>> {
        self.submit_to(request.agent.clone(), |engine| engine.submit(request))
    }

    fn embed(
        &self,
        request: EmbeddingRequest,
    ) -> BoxFuture<'static, Result<EmbeddingRun, Rejection>> {
        self.submit_to(request.agent.clone(), |engine| engine.embed(request))
    }

    fn check(&self, request: &Request) -> Result<(), Rejection> {
        // Without an engine `submit` refuses.
        self.serving().map_or(Ok(()), |engine| engine.check(request))
    }

    fn capabilities(&self) -> Capabilities {
        self.current.capabilities()
    }

    fn count_tokens(&self, request: Request) -> BoxFuture<'_, Result<Tokens, EngineError>> {
        async move {
            let agent = request.agent.clone();
            match (self.serving(), self.current.refusal(&agent)) {
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
        self.current.status()
    }

    fn reslot(&self, slots: AgentSlots) -> BoxFuture<'_, Result<(), ReslotError>> {
        async move {
            let engine = self.serving().ok_or(ReslotError::Stopped)?;
            engine.reslot(slots.clone()).await?;
            self.current.slots.lock().unwrap_or_else(PoisonError::into_inner).extend(slots);
            Ok(())
        }
        .boxed()
    }

    fn drain(&self, grace: Duration) -> BoxFuture<'_, Drained> {
        self.current.stop.cancel();
        async move {
            // Returns at once, unless an engine is being started, which is drained then.
            self.supervisor.wait().await;
            let drained = if let Some(engine) = self.serving() {
                engine.drain(grace).await
            } else {
                self.current.set_unavailable(Health::Stopped, None);
                Drained::default()
            };
            let engine = self.starter.engine().id.clone();
            self.starter.publish(TeamEvent::EngineStopped { engine });
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
