//! The admission state machine: offer, decide, release.

mod preemption;

use std::collections::BTreeMap;

use harmonic_types::{Rejection, RequestClass, RequestId};

use crate::ageing::{Ageing, Waiting};
use crate::agent::{Agent, Candidate, Queued, Standing, Started, by_urgency};
use crate::arbiter::Demand;
use crate::config::AdmissionConfig;
use crate::decision::{AgentLoad, Decision, Ticket};
use crate::priority::Priority;
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
    /// [`Rejection`] if the agent index is unknown or the agent's queue of the class is full.
    pub fn offer(&mut self, now: Tick, ticket: Ticket) -> Result<(), Rejection> {
        let Ticket { id, agent, class } = ticket;
        let waiting = Waiting { since: now, after: self.admitted };
        let Some(agent) = self.agents.get_mut(agent) else {
            let agents = self.config.agents.len();
            return Err(Rejection::Invalid {
                message: format!("invalid agent index {agent}: expected less than {agents}"),
            });
        };
        let queue = &mut agent.lane_mut(class).queue;
        let queued = u32::try_from(queue.len()).unwrap_or(u32::MAX);
        if queued >= self.config.queue_limit {
            let (agent, retry_after) = (agent.config.name.clone(), self.config.retry_after);
            return Err(Rejection::QueueFull { agent, queued, retry_after });
        }
        queue.push_back(Queued { id, waiting });
        Ok(())
    }

    /// Ends a request in any state and frees its room. Unknown requests are ignored: a cancellation
    /// may race with completion.
    pub fn release(&mut self, id: RequestId, room: &mut impl Room) {
        let running = self.running.values().find(|started| started.id == id).copied();
        if let Some(started) = running {
            self.stop(started);
        } else if !self.agents.iter_mut().any(|agent| agent.withdraw(id)) {
            return;
        }
        room.release(id);
    }

    /// Makes all decisions possible at `now`: preempts requests beyond the limit, then starts or
    /// resumes the most urgent ones: interactive before background, in each class first within the
    /// quota (preempting borrowers), then as borrowers. A request within its quota that does not
    /// fit blocks all less urgent ones, so that small requests do not starve a large one.
    ///
    /// **Background.** A background request has the slots and the sequences that no interactive
    /// request wants. While it runs, it yields, if the room could save it: the slots that it holds
    /// are free to interactive requests, which preempt background requests before all others, of
    /// their own agent and of others, even to borrow. It never preempts. What waits counts as
    /// background until it has aged by six tiers (waiting six ageing periods, or 384 admissions of
    /// others, not counting the times in which it ran); from then on it is an interactive request
    /// of its tier which has just been offered, until it ends.
    ///
    /// No request starves, for any quotas. An agent with nothing in flight may have one request
    /// even with a quota of 0; the oldest of these in the engine, the floor, is never preempted. A
    /// request is promoted by one tier per ageing period, and per 64 requests admitted since it was
    /// offered. So at most 3 · 64 requests offered later are admitted before it while its agent may
    /// have one more in flight (9 · 64 before a background request); where agents have no quota,
    /// the earlier requests waiting for the floor come first as well, each with the requests
    /// admitted while it runs.
    pub fn decide(&mut self, now: Tick, room: &mut impl Room) -> Vec<Decision> {
        let mut decisions = Vec::new();
        self.shrink_to_limit(now, room, &mut decisions);
        while let Some(candidate) = self.next_to_start(now, room, &mut decisions) {
            let Candidate { agent: index, class, next, standing } = candidate;
            let background = standing.class == RequestClass::Background;
            let yields = background && self.can_yield(&candidate, room);
            let begun = self.ageing(now).starts();
            let agent = &mut self.agents[index];
            let borrowed = standing.borrows;
            let lane = agent.lane_mut(class);
            if let Some(started) = lane.preempted.front().copied() {
                if room.resume(next).is_err() {
                    break;
                }
                lane.preempted.pop_front();
                self.run(Started { begun, yields, ..started });
                decisions.push(Decision::Resume { id: next, borrowed });
            } else if let Some(Queued { waiting, .. }) = lane.queue.front().copied() {
                if room.reserve(next).is_err() {
                    break;
                }
                lane.queue.pop_front();
                let (tier, order) = (agent.config.tier, self.admitted);
                self.admitted += 1;
                let id = next;
                self.run(Started { id, agent: index, tier, class, order, waiting, begun, yields });
                let queued = now.since(waiting.since);
                decisions.push(Decision::Start { id, queued, borrowed });
            }
        }
        decisions
    }

    /// The next request that can start now, after making room for it.
    fn next_to_start(
        &mut self,
        now: Tick,
        room: &mut impl Room,
        decisions: &mut Vec<Decision>,
    ) -> Option<Candidate> {
        let (mut held_back, mut is_wanted) = (false, false);
        for candidate in by_urgency(&self.agents, &self.ageing(now)) {
            let Candidate { next, standing, .. } = candidate;
            let Standing { may_preempt, within_quota, .. } = standing;
            let background = standing.class == RequestClass::Background;
            if self.has_room(next, room) {
                // Nothing is lent in the background that an interactive request could not borrow.
                let lent = !(background && is_wanted);
                let borrows = || lent && self.can_borrow(&candidate, room);
                if !held_back && (within_quota || borrows()) {
                    return Some(candidate);
                }
                // Waits until its agent is within its quota; other agents may start before it.
                is_wanted |= !background;
            } else if may_preempt && self.preempt_for(now, next, room, decisions) {
                return Some(candidate);
            } else if may_preempt {
                return None;
            } else if !background
                && !held_back
                && self.preempt_background_for(now, &candidate, room, decisions)
            {
                return Some(candidate);
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

    /// Whether the next request of `candidate` may borrow a slot.
    fn can_borrow(&self, candidate: &Candidate, room: &impl Room) -> bool {
        let Candidate { agent, next, standing: Standing { class, .. }, .. } = *candidate;
        let borrowers: Vec<_> = self.preemptible().iter().map(|started| started.id).collect();
        let tier = self.agents[agent].config.tier;
        // The floor borrows, too, but is not among those that may be preempted.
        let in_flight: u32 = self.agents.iter().map(Agent::displaceable).sum();
        let others = in_flight.saturating_sub(u32::try_from(borrowers.len()).unwrap_or(u32::MAX));
        let unclaimed = self.unowned.saturating_sub(others);
        room.can_borrow(&BorrowRequest { next, tier, class, borrowers: &borrowers, unclaimed })
    }

    /// Whether a background request could be preempted at any time, and the borrowers besides.
    /// Otherwise it holds the slot that it runs on.
    fn can_yield(&self, candidate: &Candidate, room: &impl Room) -> bool {
        let yielding = self.running.values().filter(|started| started.yields);
        let saved: Vec<_> = yielding.map(|started| started.id).chain([candidate.next]).collect();
        room.can_save(&saved) && self.can_borrow(candidate, room)
    }

    fn run(&mut self, started: Started) {
        let agent = &mut self.agents[started.agent];
        agent.in_flight += 1;
        agent.yielding += u32::from(started.yields);
        self.running.insert(started.order, started);
    }

    fn stop(&mut self, started: Started) {
        let agent = &mut self.agents[started.agent];
        agent.in_flight -= 1;
        agent.yielding -= u32::from(started.yields);
        self.running.remove(&started.order);
    }

    fn ageing(&self, now: Tick) -> Ageing {
        Ageing { now, period: self.config.ageing, admitted: self.admitted }
    }

    /// Urgency of a running request, lower is more urgent: its tier, aged by the time since its
    /// offer; a background request starts below all tiers. `None` if it is not running.
    pub fn rank(&self, id: RequestId, now: Tick) -> Option<i128> {
        let started = self.running.values().find(|started| started.id == id)?;
        Some(self.ageing(now).rank(started.tier, started.class, started.waiting))
    }

    /// Whether any request is queued or preempted.
    pub fn has_waiting(&self) -> bool {
        self.agents.iter().any(Agent::waits)
    }

    /// All running, preempted and queued requests.
    pub fn pending(&self) -> Vec<RequestId> {
        let running = self.running.values().map(|started| started.id);
        let lanes = || self.agents.iter().flat_map(Agent::lanes);
        let preempted = lanes().flat_map(|lane| &lane.preempted).map(|preempted| preempted.id);
        let waiting = lanes().flat_map(|lane| &lane.queue).map(|queued| queued.id);
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
                preempted: count(
                    &mut agent.lanes().flat_map(|lane| &lane.preempted).map(|other| other.id),
                ),
                queued: count(
                    &mut agent.lanes().flat_map(|lane| &lane.queue).map(|other| other.id),
                ),
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

    /// Demand of this engine at `now`, for the arbiter of the device. `is_prefilling` returns
    /// whether a running request has no first token yet.
    pub fn demand(&self, now: Tick, is_prefilling: impl Fn(RequestId) -> bool) -> Demand {
        let ageing = self.ageing(now);
        let waiting = || {
            self.agents.iter().flat_map(|agent| {
                let tier = agent.config.tier;
                RequestClass::ALL.into_iter().flat_map(move |class| {
                    agent.lane(class).all().map(move |waiting| {
                        let class = ageing.class(class, waiting);
                        Priority { class, tier }
                    })
                })
            })
        };
        let is_background = |priority: &Priority| priority.class == RequestClass::Background;
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let prefilling = self.running.values().filter(|started| is_prefilling(started.id));
        Demand {
            in_flight: count(self.running.len()),
            waiting: count(waiting().count()),
            yielding: self.agents.iter().map(|agent| agent.yielding).sum(),
            waiting_background: count(waiting().filter(is_background).count()),
            urgent: waiting().chain(prefilling.map(Started::priority)).min(),
            running: self.running.values().map(Started::priority).min(),
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
