//! The admission state machine: offer, decide, release.

mod preemption;

use std::collections::BTreeMap;

use harmonic_types::{Rejection, RequestId};

use crate::agent::{Agent, Queued, Started, aged, by_urgency};
use crate::arbiter::Demand;
use crate::config::AdmissionConfig;
use crate::decision::{AgentLoad, Decision, Ticket};
use crate::quota::quotas;
use crate::room::{BorrowRequest, Room};
use crate::tick::Tick;

/// Admission to one engine, independent of how its tokens are batched.
///
/// All calls must pass the same [`Room`]: decisions are reserved in it.
#[derive(Debug)]
pub struct Admission {
    config: AdmissionConfig,
    agents: Vec<Agent>,
    /// Keyed by [`Started::order`].
    running: BTreeMap<u64, Started>,
    /// Number of requests admitted so far.
    admitted: u64,
    /// Limit on requests in flight, see [`Self::set_limit`].
    limit: u32,
    /// Requests in flight that belong to nobody: all quotas could be in use beside them.
    unowned: u32,
}

impl Admission {
    /// An admission state without requests.
    pub fn new(mut config: AdmissionConfig) -> Self {
        config.max_in_flight = config.max_in_flight.max(1);
        let mut admission = Self {
            agents: config.agents.iter().cloned().map(Agent::new).collect(),
            running: BTreeMap::new(),
            admitted: 0,
            limit: config.max_in_flight,
            unowned: 0,
            config,
        };
        admission.assign_quotas();
        admission
    }

    /// Configuration in force.
    pub fn config(&self) -> &AdmissionConfig {
        &self.config
    }

    /// Queues a request that the [`Room`] already knows. A later [`Self::decide`] starts it.
    ///
    /// # Errors
    /// [`Rejection`] if the agent index is unknown or the agent's queue is full.
    pub fn offer(&mut self, now: Tick, Ticket { id, agent }: Ticket) -> Result<(), Rejection> {
        let Some(agent) = self.agents.get_mut(agent) else {
            let agents = self.config.agents.len();
            return Err(Rejection::Invalid {
                message: format!("invalid agent index {agent}: expected less than {agents}"),
            });
        };
        let queued = u32::try_from(agent.queue.len()).unwrap_or(u32::MAX);
        if queued >= self.config.queue_limit {
            let (agent, retry_after) = (agent.config.name.clone(), self.config.retry_after);
            return Err(Rejection::QueueFull { agent, queued, retry_after });
        }
        agent.queue.push_back(Queued { id, since: now, after: self.admitted });
        Ok(())
    }

    /// Ends a request in any state and frees its room. Unknown requests are ignored: a cancellation
    /// may race with completion.
    pub fn release(&mut self, id: RequestId, room: &mut impl Room) {
        let running = self.running.values().find(|started| started.id == id).copied();
        if let Some(started) = running {
            self.running.remove(&started.order);
            self.agents[started.agent].in_flight -= 1;
        } else if !self.agents.iter_mut().any(|agent| agent.withdraw(id)) {
            return;
        }
        room.release(id);
    }

    /// Makes all decisions possible at `now`: preempts requests beyond the limit, then starts or
    /// resumes the most urgent ones, first within their quota (preempting borrowers), then as
    /// borrowers. A request within its quota that does not fit blocks all less urgent ones, so that
    /// small requests do not starve a large one.
    ///
    /// No request starves, for any quotas. An agent with nothing in flight may have one request
    /// even with a quota of 0; the oldest of these in the engine, the floor, is never preempted. A
    /// request is promoted by one tier per ageing period, and per 64 requests admitted since it was
    /// offered. So at most 3 · 64 requests offered later are admitted before it while its agent may
    /// have one more in flight; where agents have no quota, the earlier requests waiting for the
    /// floor come first as well, each with the requests admitted while it runs.
    pub fn decide(&mut self, now: Tick, room: &mut impl Room) -> Vec<Decision> {
        let mut decisions = Vec::new();
        self.shrink_to_limit(room, &mut decisions);
        while let Some(index) = self.next_to_start(now, room, &mut decisions) {
            let borrowed = !self.agents[index].may_preempt();
            let agent = &mut self.agents[index];
            if let Some(started) = agent.preempted.front().copied() {
                if room.resume(started.id).is_err() {
                    break;
                }
                agent.preempted.pop_front();
                self.run(started);
                decisions.push(Decision::Resume { id: started.id, borrowed });
            } else if let Some(Queued { id, since, after }) = agent.queue.front().copied() {
                if room.reserve(id).is_err() {
                    break;
                }
                agent.queue.pop_front();
                let (tier, order) = (agent.config.tier, self.admitted);
                self.admitted += 1;
                self.run(Started { id, agent: index, tier, order, since, after });
                decisions.push(Decision::Start { id, queued: now.since(since), borrowed });
            }
        }
        decisions
    }

    /// Index of the agent whose next request can start now, after making room for it.
    fn next_to_start(
        &mut self,
        now: Tick,
        room: &mut impl Room,
        decisions: &mut Vec<Decision>,
    ) -> Option<usize> {
        let mut held_back = false;
        for index in by_urgency(&self.agents, now, self.config.ageing, self.admitted) {
            let agent = &self.agents[index];
            let (within_quota, may_preempt) = (agent.within_quota(), agent.may_preempt());
            let Some(next) = agent.next() else { continue };
            if self.has_room(next, room) {
                if !held_back && (within_quota || self.can_borrow(index, next, room)) {
                    return Some(index);
                }
                // Waits until its agent is within its quota; other agents may start before it.
            } else if may_preempt && self.preempt_for(next, room, decisions) {
                return Some(index);
            } else if may_preempt {
                return None;
            } else if within_quota {
                // Waits for the next free room; it may not preempt borrowers.
                held_back = true;
            }
        }
        None
    }

    fn has_room(&self, next: RequestId, room: &impl Room) -> bool {
        self.running.len() < self.limit as usize && room.fits(next, &[]) == Ok(true)
    }

    fn can_borrow(&self, index: usize, next: RequestId, room: &impl Room) -> bool {
        let borrowers: Vec<_> = self.preemptible().iter().map(|started| started.id).collect();
        let tier = self.agents[index].config.tier;
        // The floor borrows, too, but is not among those that may be preempted.
        let in_flight: u32 = self.agents.iter().map(Agent::borrowed).sum();
        let others = in_flight.saturating_sub(u32::try_from(borrowers.len()).unwrap_or(u32::MAX));
        let unclaimed = self.unowned.saturating_sub(others);
        room.can_borrow(&BorrowRequest { next, tier, borrowers: &borrowers, unclaimed })
    }

    fn run(&mut self, started: Started) {
        self.agents[started.agent].in_flight += 1;
        self.running.insert(started.order, started);
    }

    /// Urgency of a running request, lower is more urgent: its tier, aged by the time since its
    /// offer. `None` if it is not running.
    pub fn rank(&self, id: RequestId, now: Tick) -> Option<i128> {
        let started = self.running.values().find(|started| started.id == id)?;
        Some(aged(started.tier, now, started.since, self.config.ageing))
    }

    /// Whether any request is queued or preempted.
    pub fn has_waiting(&self) -> bool {
        self.agents.iter().any(Agent::waits)
    }

    /// All running, preempted and queued requests.
    pub fn pending(&self) -> Vec<RequestId> {
        let running = self.running.values().map(|started| started.id);
        let preempted = self.agents.iter().flat_map(|agent| &agent.preempted).map(|p| p.id);
        let waiting = self.agents.iter().flat_map(|agent| &agent.queue).map(|queued| queued.id);
        running.chain(preempted).chain(waiting).collect()
    }

    /// Load per agent, in the order of the configuration.
    pub fn load(&self) -> Vec<AgentLoad> {
        self.load_without(|_| false)
    }

    /// Load per agent without the requests that are `uncounted`.
    pub fn load_without(&self, uncounted: impl Fn(RequestId) -> bool) -> Vec<AgentLoad> {
        let count = |ids: &mut dyn Iterator<Item = RequestId>| {
            u32::try_from(ids.filter(|id| !uncounted(*id)).count()).unwrap_or(u32::MAX)
        };
        let load = |(index, agent): (usize, &Agent)| {
            let running = self.running.values().filter(|started| started.agent == index);
            let in_flight = count(&mut running.map(|started| started.id));
            AgentLoad {
                slots: agent.config.slots,
                quota: agent.quota,
                in_flight,
                borrowed: agent.borrowed().min(in_flight),
                preempted: count(&mut agent.preempted.iter().map(|preempted| preempted.id)),
                queued: count(&mut agent.queue.iter().map(|queued| queued.id)),
            }
        };
        self.agents.iter().enumerate().map(load).collect()
    }

    /// Sets the planned slots of some agents, by index, from the next decision on. Unknown indices
    /// are ignored.
    pub fn set_slots(&mut self, slots: impl IntoIterator<Item = (usize, u32)>) {
        for (agent, slots) in slots {
            if let Some(agent) = self.agents.get_mut(agent) {
                agent.config.slots = slots;
            }
        }
        self.assign_quotas();
    }

    /// Sets the limit on requests in flight from the next decision on, capped at the configured
    /// maximum. Borrowers beyond it are preempted where possible.
    pub fn set_limit(&mut self, in_flight: u32) {
        self.limit = in_flight.min(self.config.max_in_flight);
    }

    /// Demand of this engine, for the arbiter of the device. `is_prefilling` returns whether a
    /// running request has no first token yet.
    pub fn demand(&self, is_prefilling: impl Fn(RequestId) -> bool) -> Demand {
        let tiers = || self.agents.iter().filter(|agent| agent.waits());
        let waiting: usize =
            self.agents.iter().map(|agent| agent.preempted.len() + agent.queue.len()).sum();
        let prefilling = self.running.values().filter(|started| is_prefilling(started.id));
        let waiting_tier = tiers().map(|agent| agent.config.tier).min();
        let prefilling_tier = prefilling.map(|started| started.tier).min();
        Demand {
            in_flight: u32::try_from(self.running.len()).unwrap_or(u32::MAX),
            waiting: u32::try_from(waiting).unwrap_or(u32::MAX),
            urgent: waiting_tier.into_iter().chain(prefilling_tier).min(),
            running: self.running.values().map(|started| started.tier).min(),
        }
    }

    fn assign_quotas(&mut self) {
        let configs: Vec<_> = self.agents.iter().map(|agent| agent.config.clone()).collect();
        let total = self.config.quota_total.min(self.config.max_in_flight);
        for (agent, quota) in self.agents.iter_mut().zip(quotas(&configs, total)) {
            agent.quota = quota;
        }
        let owned: u32 = self.agents.iter().map(|agent| agent.quota).sum();
        self.unowned = self.config.unowned.min(self.config.max_in_flight.saturating_sub(owned));
    }
}

#[cfg(test)]
mod tests;
