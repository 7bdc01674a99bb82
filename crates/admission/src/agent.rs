//! Queue and load of one agent, and the order of urgency among agents.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::time::Duration;

use harmonic_types::{RequestId, Tier};

use crate::config::AgentConfig;
use crate::tick::Tick;

/// Admissions of other requests that promote a queued request by one tier. Ageing by time alone
/// would bound the waiting time, but not the number of requests admitted before it.
const AGEING_ADMISSIONS: u64 = 64;

/// A queued request, not started yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Queued {
    pub(crate) id: RequestId,
    /// Time of its offer.
    pub(crate) since: Tick,
    /// [`crate::Admission`]'s count of admissions at that time.
    pub(crate) after: u64,
}

/// A started request, running or preempted.
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

/// Quota, load and queue of one agent. Preempted requests come first, the rest in order of arrival.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) config: AgentConfig,
    /// Requests allowed in flight without borrowing ([`crate::quotas`]).
    pub(crate) quota: u32,
    pub(crate) in_flight: u32,
    pub(crate) queue: VecDeque<Queued>,
    /// In order of admission.
    pub(crate) preempted: VecDeque<Started>,
}

/// Urgency of an agent's next request; lower is more urgent.
pub(crate) type Urgency = (Reverse<bool>, i128, Tick);

impl Agent {
    pub(crate) fn new(config: AgentConfig) -> Self {
        let (queue, preempted) = (VecDeque::new(), VecDeque::new());
        Self { config, quota: 0, in_flight: 0, queue, preempted }
    }

    /// Whether the next request may preempt borrowers.
    pub(crate) fn may_preempt(&self) -> bool {
        self.in_flight < self.quota
    }

    /// Whether the next request runs without borrowing. The first request in flight needs no quota:
    /// with more agents than slots, it would otherwise starve where borrowers cannot be preempted.
    pub(crate) fn within_quota(&self) -> bool {
        self.in_flight < self.quota.max(1)
    }

    /// Requests in flight beyond the quota.
    pub(crate) fn borrowed(&self) -> u32 {
        self.in_flight.saturating_sub(self.quota)
    }

    /// Next request to start or resume.
    pub(crate) fn next(&self) -> Option<RequestId> {
        let preempted = self.preempted.front().map(|preempted| preempted.id);
        preempted.or_else(|| self.queue.front().map(|queued| queued.id))
    }

    /// Whether any request is queued or preempted.
    pub(crate) fn waits(&self) -> bool {
        self.next().is_some()
    }

    /// Removes a queued or preempted request; whether it was found.
    pub(crate) fn withdraw(&mut self, id: RequestId) -> bool {
        let before = self.queue.len() + self.preempted.len();
        self.queue.retain(|queued| queued.id != id);
        self.preempted.retain(|preempted| preempted.id != id);
        self.queue.len() + self.preempted.len() < before
    }

    /// Urgency of the next request: within the quota before borrowed, then aged tier, then age.
    fn urgency(&self, now: Tick, ageing: Duration, admitted: u64) -> Option<Urgency> {
        let preempted = self.preempted.front().map(|preempted| (preempted.since, preempted.after));
        let queued = || self.queue.front().map(|queued| (queued.since, queued.after));
        let (since, after) = preempted.or_else(queued)?;
        let passed = i128::from(admitted.saturating_sub(after) / AGEING_ADMISSIONS);
        let aged = aged(self.config.tier, now, since, ageing).saturating_sub(passed);
        Some((Reverse(self.within_quota()), aged, since))
    }
}

/// Tier number, reduced by one for each `ageing` elapsed since `since`, so that no request starves.
pub(crate) fn aged(tier: Tier, now: Tick, since: Tick, ageing: Duration) -> i128 {
    let promoted = now.since(since).as_nanos().checked_div(ageing.as_nanos()).unwrap_or(0);
    let promoted = i128::try_from(promoted).unwrap_or(i128::MAX);
    i128::from(tier.number()).saturating_sub(promoted)
}

/// Indices of agents with a queued or preempted request, most urgent first; ties go to the earlier
/// agent. `admitted` is the total number of admissions so far.
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
