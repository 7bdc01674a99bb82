//! Queues and load of one agent, and the order of urgency among the classes of all agents.

use std::cmp::Reverse;
use std::collections::VecDeque;

use harmonic_types::{RequestClass, RequestId, Tier};

use crate::ageing::{Ageing, Waiting};
use crate::config::AgentConfig;
use crate::priority::Priority;
use crate::tick::Tick;

/// A queued request, not started yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Queued {
    pub(crate) id: RequestId,
    pub(crate) waiting: Waiting,
}

/// A started request, running or preempted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Started {
    pub(crate) id: RequestId,
    pub(crate) agent: usize,
    pub(crate) tier: Tier,
    pub(crate) class: RequestClass,
    /// Position in the order of admission.
    pub(crate) order: u64,
    pub(crate) waiting: Waiting,
    /// The start, or the last resumption.
    pub(crate) begun: Waiting,
    /// Whether it gives way to any interactive request: a background request that has not waited
    /// long enough to count as one, and that the room could save when it began.
    pub(crate) yields: bool,
}

impl Started {
    /// Its priority: what yields is background.
    pub(crate) fn priority(&self) -> Priority {
        let class = if self.yields { RequestClass::Background } else { RequestClass::Interactive };
        Priority { class, tier: self.tier }
    }
}

/// Requests of one class of an agent that wait. Preempted requests come first, the rest in order of
/// arrival.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    pub(crate) queue: VecDeque<Queued>,
    /// In order of admission.
    pub(crate) preempted: VecDeque<Started>,
}

impl Lane {
    /// Next request to start or resume.
    pub(crate) fn next(&self) -> Option<RequestId> {
        let preempted = self.preempted.front().map(|preempted| preempted.id);
        preempted.or_else(|| self.queue.front().map(|queued| queued.id))
    }

    /// Waiting of the next request.
    fn waiting(&self) -> Option<Waiting> {
        let preempted = self.preempted.front().map(|preempted| preempted.waiting);
        preempted.or_else(|| self.queue.front().map(|queued| queued.waiting))
    }

    /// Waiting of all requests.
    pub(crate) fn all(&self) -> impl Iterator<Item = Waiting> {
        let queued = self.queue.iter().map(|queued| queued.waiting);
        self.preempted.iter().map(|preempted| preempted.waiting).chain(queued)
    }

    /// Number of waiting requests.
    pub(crate) fn len(&self) -> usize {
        self.queue.len() + self.preempted.len()
    }

    /// Removes a queued or preempted request; whether it was found.
    fn withdraw(&mut self, id: RequestId) -> bool {
        let before = self.len();
        self.queue.retain(|queued| queued.id != id);
        self.preempted.retain(|preempted| preempted.id != id);
        self.len() < before
    }
}

/// Quota, load and queues of one agent.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) config: AgentConfig,
    /// Requests allowed in flight without borrowing ([`crate::quotas`]).
    pub(crate) quota: u32,
    pub(crate) in_flight: u32,
    /// Requests in flight that yield to interactive ones.
    pub(crate) yielding: u32,
    /// By class.
    lanes: [Lane; RequestClass::ALL.len()],
}

/// Standing of a waiting request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The class that it counts as.
    pub(crate) class: RequestClass,
    /// Whether it runs beyond its agent's quota.
    pub(crate) borrows: bool,
    /// Whether it may preempt borrowers.
    pub(crate) may_preempt: bool,
    /// Whether it needs no permission to borrow.
    pub(crate) within_quota: bool,
}

/// Next request of a class of an agent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub(crate) agent: usize,
    pub(crate) class: RequestClass,
    pub(crate) next: RequestId,
    pub(crate) standing: Standing,
}

/// Urgency of the next request of a class of an agent; lower is more urgent.
type Urgency = (RequestClass, Reverse<bool>, i128, Tick);

impl Agent {
    pub(crate) fn new(config: AgentConfig) -> Self {
        Self { config, quota: 0, in_flight: 0, yielding: 0, lanes: Default::default() }
    }

    pub(crate) fn lane(&self, class: RequestClass) -> &Lane {
        &self.lanes[class as usize]
    }

    pub(crate) fn lane_mut(&mut self, class: RequestClass) -> &mut Lane {
        &mut self.lanes[class as usize]
    }

    pub(crate) fn lanes(&self) -> impl Iterator<Item = &Lane> {
        self.lanes.iter()
    }

    /// Requests in flight beyond the quota.
    pub(crate) fn borrowed(&self) -> u32 {
        self.in_flight.saturating_sub(self.quota)
    }

    /// Requests in flight that hold a slot against interactive requests: those that do not yield.
    pub(crate) fn holding(&self) -> u32 {
        self.in_flight - self.yielding
    }

    /// Requests in flight that may be preempted for others: those beyond the quota, and all that
    /// yield.
    pub(crate) fn displaceable(&self) -> u32 {
        self.yielding + self.holding().saturating_sub(self.quota)
    }

    /// Whether any request is queued or preempted.
    pub(crate) fn waits(&self) -> bool {
        self.lanes().any(|lane| lane.len() > 0)
    }

    /// Removes a queued or preempted request; whether it was found.
    pub(crate) fn withdraw(&mut self, id: RequestId) -> bool {
        self.lanes.iter_mut().any(|lane| lane.withdraw(id))
    }

    /// Standing of a request that counts as `class`. The slots on which background requests yield
    /// are free to an interactive one.
    ///
    /// The first request in flight needs no quota: with more agents than slots, it would otherwise
    /// starve where borrowers cannot be preempted.
    fn standing(&self, class: RequestClass) -> Standing {
        let taken = match class {
            RequestClass::Interactive => self.holding(),
            RequestClass::Background => self.in_flight,
        };
        let borrows = taken >= self.quota;
        Standing {
            class,
            borrows,
            may_preempt: class == RequestClass::Interactive && !borrows,
            within_quota: taken < self.quota.max(1),
        }
    }

    /// Urgency and standing of the next request of `class`: background after interactive, then
    /// within the quota before borrowed, then aged tier, then age.
    fn urgency(&self, class: RequestClass, by: &Ageing) -> Option<(Urgency, Standing)> {
        let waiting = self.lane(class).waiting()?;
        let standing = self.standing(by.class(class, waiting));
        let aged = by.aged(self.config.tier, class, waiting);
        Some(((standing.class, Reverse(standing.within_quota), aged, waiting.since), standing))
    }
}

/// Next requests of all classes of all agents, most urgent first; ties go to the earlier agent.
pub(crate) fn by_urgency(agents: &[Agent], by: &Ageing) -> Vec<Candidate> {
    let lanes = agents
        .iter()
        .enumerate()
        .flat_map(|(index, agent)| RequestClass::ALL.map(|class| (index, agent, class)));
    let mut waiting: Vec<(Urgency, usize, RequestClass, Candidate)> = lanes
        .filter_map(|(index, agent, class)| {
            let (urgency, standing) = agent.urgency(class, by)?;
            let next = agent.lane(class).next()?;
            Some((urgency, index, class, Candidate { agent: index, class, next, standing }))
        })
        .collect();
    waiting.sort_unstable_by_key(|(urgency, index, class, _)| (*urgency, *index, *class));
    waiting.into_iter().map(|(.., candidate)| candidate).collect()
}
