//! The state machine: offer, withdraw, decide.

mod borrowing;

use std::collections::BTreeMap;

use harmonic_types::{Rejection, RequestId};

use crate::agent::{Agent, Queued, Started, aged, by_urgency};
use crate::arbiter::Demand;
use crate::config::AdmissionConfig;
use crate::decision::{AgentLoad, Decision, Ticket};
use crate::quota::quotas;
use crate::room::{BorrowRequest, Room};
use crate::tick::Tick;

/// The admission of one engine, whatever batches its tokens.
///
/// The same [`Room`] is to be given to all calls: what is decided is reserved in it.
#[derive(Debug)]
pub struct Admission {
    config: AdmissionConfig,
    agents: Vec<Agent>,
    /// By [`Started::order`].
    running: BTreeMap<u64, Started>,
    admitted: u64,
    /// Most requests in flight now; see [`Self::set_limit`].
    limit: u32,
}

impl Admission {
    /// An admission without requests.
    pub fn new(mut config: AdmissionConfig) -> Self {
        config.max_in_flight = config.max_in_flight.max(1);
        let mut admission = Self {
            agents: config.agents.iter().cloned().map(Agent::new).collect(),
            running: BTreeMap::new(),
            admitted: 0,
            limit: config.max_in_flight,
            config,
        };
        admission.assign_quotas();
        admission
    }

    /// The limits in force.
    pub fn config(&self) -> &AdmissionConfig {
        &self.config
    }

    /// Queues a request, whose room is known to the [`Room`] by then. A later [`Self::decide`]
    /// starts it.
    ///
    /// # Errors
    /// [`Rejection`] when there is no such agent, or its queue is full.
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

    /// Ends a request wherever it is, and frees its room. Unknown requests are ignored: a client may
    /// leave while its answer ends.
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

    /// Decides what happens now: requests beyond the limit are preempted, and the most urgent ones
    /// start or resume: within their quota, preempting borrowers, then on loan. A request within its
    /// quota that does not fit holds back all after it, so that a large one is not starved by small
    /// ones behind it.
    ///
    /// No request starves, whatever the quotas. An agent with nothing in flight may have one request
    /// even with a quota of 0; the oldest of these in the engine, the floor, is not preempted. And a
    /// request counts as a tier higher for each ageing period, and for each 64 requests that were
    /// admitted since it was offered. So at most 3 · 64 requests that were offered after it go before
    /// it while its agent may have one more; and where agents have no quota, the requests before it
    /// that wait for the floor as well, each with those that are admitted while it runs.
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

    /// The agent whose next request can start now, after room was made for it.
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
                // It waits until its agent is within its quota; others may go before it.
            } else if may_preempt && self.preempt_for(next, room, decisions) {
                return Some(index);
            } else if may_preempt {
                return None;
            } else if within_quota {
                // It waits for what is free next, not for what others have lent.
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
        room.can_borrow(&BorrowRequest { next, tier, borrowers: &borrowers })
    }

    fn run(&mut self, started: Started) {
        self.agents[started.agent].in_flight += 1;
        self.running.insert(started.order, started);
    }

    /// How urgent a running request's work is, the least first: its tier, aged by its time since the
    /// offer. `None` for one that does not run.
    pub fn rank(&self, id: RequestId, now: Tick) -> Option<i128> {
        let started = self.running.values().find(|started| started.id == id)?;
        Some(aged(started.tier, now, started.since, self.config.ageing))
    }

    /// Whether a request waits or is preempted.
    pub fn has_waiting(&self) -> bool {
        self.agents.iter().any(Agent::waits)
    }

    /// All requests that run, are preempted or wait.
    pub fn pending(&self) -> Vec<RequestId> {
        let running = self.running.values().map(|started| started.id);
        let preempted = self.agents.iter().flat_map(|agent| &agent.preempted).map(|p| p.id);
        let waiting = self.agents.iter().flat_map(|agent| &agent.queue).map(|queued| queued.id);
        running.chain(preempted).chain(waiting).collect()
    }

    /// Load per agent, in the order of the configuration.
    pub fn load(&self) -> Vec<AgentLoad> {
        let load = |agent: &Agent| AgentLoad {
            slots: agent.config.slots,
            in_flight: agent.in_flight,
            borrowed: agent.borrowed(),
            preempted: u32::try_from(agent.preempted.len()).unwrap_or(u32::MAX),
            queued: u32::try_from(agent.queue.len()).unwrap_or(u32::MAX),
        };
        self.agents.iter().map(load).collect()
    }

    /// Sets the planned slots of some agents, by index; takes effect at the next decision. Unknown
    /// indices are ignored.
    pub fn set_slots(&mut self, slots: impl IntoIterator<Item = (usize, u32)>) {
        for (agent, slots) in slots {
            if let Some(agent) = self.agents.get_mut(agent) {
                agent.config.slots = slots;
            }
        }
        self.assign_quotas();
    }

    /// Sets how many requests may be in flight from the next decision on, within what was
    /// configured. Borrowers beyond that are preempted, as far as they can be.
    pub fn set_limit(&mut self, in_flight: u32) {
        self.limit = in_flight.min(self.config.max_in_flight);
    }

    /// What the other engines on the device have to know; `is_prefilling` tells of a running request
    /// whether it still waits for its first token.
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
    }
}

#[cfg(test)]
mod tests;
