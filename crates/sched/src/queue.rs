//! Who waits, and who is next.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::time::Duration;

use harmonic_types::{RequestId, Tier};

use crate::config::AgentShare;
use crate::ids::{SnapshotId, Tick};
use crate::job::Job;
use crate::sequence::Sequence;

/// Requests that are admitted before one that waits counts as a tier higher: time alone would bound
/// how long it waits, not how many go before it.
const AGEING_ADMISSIONS: u64 = 64;

/// A request that waits.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) job: Job,
    pub(crate) since: Tick,
    /// Requests that the engine had admitted when it was offered.
    pub(crate) after: u64,
}

/// A request that ran on a borrowed slot and has given it back.
#[derive(Debug)]
pub(crate) struct Parked {
    pub(crate) sequence: Sequence,
    pub(crate) snapshot: SnapshotId,
}

/// One agent's rights, load and queue. Within an agent, parked requests come first and the rest
/// first come, first served.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) share: AgentShare,
    /// Sequences that it may have by right ([`crate::guarantee`]).
    pub(crate) rights: u32,
    pub(crate) in_flight: u32,
    pub(crate) queue: VecDeque<Waiting>,
    pub(crate) parked: VecDeque<Parked>,
}

/// How urgent an agent's next request is; the least is the most urgent.
pub(crate) type Urgency = (Reverse<bool>, i128, Tick);

impl Agent {
    pub(crate) fn new(share: AgentShare) -> Self {
        let (queue, parked) = (VecDeque::new(), VecDeque::new());
        Self { share, rights: 0, in_flight: 0, queue, parked }
    }

    /// Whether its next request may take back a slot that it has lent.
    pub(crate) fn is_guaranteed(&self) -> bool {
        self.in_flight < self.rights
    }

    /// Whether its next request runs without borrowing. One sequence needs no right, even where there
    /// are more agents than sequences; else a request that could not be parked would wait for ever.
    pub(crate) fn has_right(&self) -> bool {
        self.in_flight < self.rights.max(1)
    }

    /// Sequences that it has in flight beyond its rights.
    pub(crate) fn borrowed(&self) -> u32 {
        self.in_flight.saturating_sub(self.rights)
    }

    /// Since when its next request waits.
    pub(crate) fn waiting_since(&self) -> Option<Tick> {
        let parked = self.parked.front().map(|parked| parked.sequence.since);
        parked.or_else(|| self.queue.front().map(|waiting| waiting.since))
    }

    /// Removes a waiting request.
    pub(crate) fn withdraw(&mut self, id: RequestId) -> Option<Waiting> {
        let at = self.queue.iter().position(|waiting| waiting.job.id == id)?;
        self.queue.remove(at)
    }

    /// Removes a parked request.
    pub(crate) fn withdraw_parked(&mut self, id: RequestId) -> Option<Parked> {
        let at = self.parked.iter().position(|parked| parked.sequence.id == id)?;
        self.parked.remove(at)
    }

    /// Of its next request: rights before loans, then the aged tier, then age.
    fn urgency(&self, now: Tick, ageing: Duration, admitted: u64) -> Option<Urgency> {
        let since = self.waiting_since()?;
        let parked = self.parked.front().map(|parked| parked.sequence.after);
        let after = parked.or_else(|| self.queue.front().map(|waiting| waiting.after))?;
        let passed = i128::from(admitted.saturating_sub(after) / AGEING_ADMISSIONS);
        let aged = aged(self.share.tier, now, since, ageing).saturating_sub(passed);
        Some((Reverse(self.has_right()), aged, since))
    }
}

/// The tier as a number, one less for each `ageing` that has passed since `since`: so nobody
/// starves.
pub(crate) fn aged(tier: Tier, now: Tick, since: Tick, ageing: Duration) -> i128 {
    let promoted = now.since(since).as_nanos().checked_div(ageing.as_nanos()).unwrap_or(0);
    let promoted = i128::try_from(promoted).unwrap_or(i128::MAX);
    i128::from(tier.number()).saturating_sub(promoted)
}

/// Agents that have a request waiting or parked, most urgent first; ties go to the earlier agent.
/// So many requests were `admitted` until now.
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
