//! Who waits, and who is next.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::time::Duration;

use harmonic_types::RequestId;

use crate::config::AgentShare;
use crate::ids::Tick;
use crate::job::Job;

/// A request that waits.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) job: Job,
    pub(crate) since: Tick,
}

/// One agent's rights, load and queue (first come, first served within an agent).
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) share: AgentShare,
    pub(crate) in_flight: u32,
    pub(crate) queue: VecDeque<Waiting>,
}

impl Agent {
    pub(crate) fn new(share: AgentShare) -> Self {
        Self { share, in_flight: 0, queue: VecDeque::new() }
    }

    /// Whether its next request runs by right rather than on a borrowed slot.
    fn has_right(&self) -> bool {
        self.in_flight < self.share.slots
    }

    /// Removes a waiting request.
    pub(crate) fn withdraw(&mut self, id: RequestId) -> Option<Waiting> {
        let at = self.queue.iter().position(|waiting| waiting.job.id == id)?;
        self.queue.remove(at)
    }

    /// Sort key of its first waiting request: rights before loans, then the aged tier, then age.
    fn urgency(&self, now: Tick, ageing: Duration) -> Option<(Reverse<bool>, i128, Tick)> {
        let first = self.queue.front()?;
        let waited = now.since(first.since).as_nanos();
        let promoted = waited.checked_div(ageing.as_nanos()).unwrap_or(0);
        let promoted = i128::try_from(promoted).unwrap_or(i128::MAX);
        let tier = i128::from(self.share.tier.number()).saturating_sub(promoted);
        Some((Reverse(self.has_right()), tier, first.since))
    }
}

/// Agents that have a request waiting, most urgent first; ties go to the earlier agent.
pub(crate) fn by_urgency(agents: &[Agent], now: Tick, ageing: Duration) -> Vec<usize> {
    let mut waiting: Vec<_> = agents
        .iter()
        .enumerate()
        .filter_map(|(index, agent)| Some((agent.urgency(now, ageing)?, index)))
        .collect();
    waiting.sort_unstable();
    waiting.into_iter().map(|(_, index)| index).collect()
}
