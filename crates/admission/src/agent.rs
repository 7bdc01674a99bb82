//! One agent's queue and load, and the order among agents.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::time::Duration;

use harmonic_types::{RequestId, Tier};

use crate::config::AgentConfig;
use crate::tick::Tick;

/// Requests that are admitted before one that waits counts as a tier higher: time alone would bound
/// how long it waits, not how many go before it.
const AGEING_ADMISSIONS: u64 = 64;

/// A request that waits and has not run yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Queued {
    pub(crate) id: RequestId,
    /// When it was offered.
    pub(crate) since: Tick,
    /// Requests that the engine had admitted then.
    pub(crate) after: u64,
}

/// A request that was started: it runs, or is preempted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Started {
    pub(crate) id: RequestId,
    pub(crate) agent: usize,
    pub(crate) tier: Tier,
    /// Position in the order of admission.
    pub(crate) order: u64,
    pub(crate) since: Tick,
    pub(crate) after: u64,
}

/// One agent's quota, load and queue. Within an agent, preempted requests come first and the rest
/// first come, first served.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) config: AgentConfig,
    /// Requests that it may have in flight without borrowing ([`crate::quotas`]).
    pub(crate) quota: u32,
    pub(crate) in_flight: u32,
    pub(crate) queue: VecDeque<Queued>,
    /// In the order of their admission.
    pub(crate) preempted: VecDeque<Started>,
}

/// How urgent an agent's next request is; the least is the most urgent.
pub(crate) type Urgency = (Reverse<bool>, i128, Tick);

impl Agent {
    pub(crate) fn new(config: AgentConfig) -> Self {
        let (queue, preempted) = (VecDeque::new(), VecDeque::new());
        Self { config, quota: 0, in_flight: 0, queue, preempted }
    }

    /// Whether its next request may preempt borrowers.
    pub(crate) fn may_preempt(&self) -> bool {
        self.in_flight < self.quota
    }

    /// Whether its next request runs without borrowing. One request needs no quota, even where there
    /// are more agents than slots; else a request that could not be preempted would wait for ever.
    pub(crate) fn within_quota(&self) -> bool {
        self.in_flight < self.quota.max(1)
    }

    /// Requests that it has in flight beyond its quota.
    pub(crate) fn borrowed(&self) -> u32 {
        self.in_flight.saturating_sub(self.quota)
    }

    /// Its next request to run.
    pub(crate) fn next(&self) -> Option<RequestId> {
        let preempted = self.preempted.front().map(|preempted| preempted.id);
        preempted.or_else(|| self.queue.front().map(|queued| queued.id))
    }

    /// Whether it has a request that waits or is preempted.
    pub(crate) fn waits(&self) -> bool {
        self.next().is_some()
    }

    /// Removes a request that waits or is preempted; whether there was one.
    pub(crate) fn withdraw(&mut self, id: RequestId) -> bool {
        let before = self.queue.len() + self.preempted.len();
        self.queue.retain(|queued| queued.id != id);
        self.preempted.retain(|preempted| preempted.id != id);
        self.queue.len() + self.preempted.len() < before
    }

    /// Of its next request: within the quota before borrowed, then the aged tier, then age.
    fn urgency(&self, now: Tick, ageing: Duration, admitted: u64) -> Option<Urgency> {
        let preempted = self.preempted.front().map(|preempted| (preempted.since, preempted.after));
        let queued = || self.queue.front().map(|queued| (queued.since, queued.after));
        let (since, after) = preempted.or_else(queued)?;
        let passed = i128::from(admitted.saturating_sub(after) / AGEING_ADMISSIONS);
        let aged = aged(self.config.tier, now, since, ageing).saturating_sub(passed);
        Some((Reverse(self.within_quota()), aged, since))
    }
}

/// The tier as a number, one less for each `ageing` that has passed since `since`, so that no
/// request starves.
pub(crate) fn aged(tier: Tier, now: Tick, since: Tick, ageing: Duration) -> i128 {
    let promoted = now.since(since).as_nanos().checked_div(ageing.as_nanos()).unwrap_or(0);
    let promoted = i128::try_from(promoted).unwrap_or(i128::MAX);
    i128::from(tier.number()).saturating_sub(promoted)
}

/// Agents with a request that waits or is preempted, most urgent first, after `admitted` requests
/// were admitted in all; ties go to the earlier agent.
pub(crate) fn by_urgency(
    agents: &[Agent],
    now: Tick,
    ageing: Duration,
    admitted: u64,
) -> Vec<usize> {
    let mut waiting: Vec<_> = agents
        .iter()
        .enumerate()
        .filter_map(|(index, agent)| Some((agent.urgency(now, ageing, admitted)?, index)))
        .collect();
    waiting.sort_unstable();
    waiting.into_iter().map(|(_, index)| index).collect()
}
