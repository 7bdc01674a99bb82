//! Simulated requests that run for a number of steps, with an independent record of their states.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use harmonic_types::{AgentName, RequestClass, RequestId, Tier};

use crate::{
    Admission, AdmissionConfig, AgentConfig, BorrowRequest, Decision, Room, Short, Slots, Tick,
    Ticket,
};

pub(super) fn agent(name: &str, tier: Tier, slots: u32) -> AgentConfig {
    AgentConfig { name: AgentName::from(name), tier, slots }
}

pub(super) fn config(agents: Vec<AgentConfig>, max_in_flight: u32) -> AdmissionConfig {
    AdmissionConfig {
        agents,
        max_in_flight,
        quota_total: max_in_flight,
        unowned: 0,
        queue_limit: 256,
        retry_after: Duration::from_secs(2),
        ageing: Duration::from_secs(10),
    }
}

/// A room whose state tests can inspect.
pub(super) trait Observed: Room {
    /// Requests holding room.
    fn held(&self) -> BTreeSet<RequestId>;
    /// Whether the slot just borrowed by a request of `tier` was allowed to be.
    fn may_borrow(&self, tier: Tier) -> bool;
}

impl Observed for Slots {
    fn held(&self) -> BTreeSet<RequestId> {
        self.held().clone()
    }

    fn may_borrow(&self, tier: Tier) -> bool {
        tier == Tier::Executive || self.free() >= self.reserved()
    }
}

/// Slots with preemption, up to the number of requests that can be saved.
#[derive(Debug)]
pub(super) struct Preemptible {
    pub(super) slots: usize,
    pub(super) saved: usize,
    held: BTreeSet<RequestId>,
    preempted: BTreeSet<RequestId>,
}

impl Preemptible {
    pub(super) fn new(slots: usize, saved: usize) -> Self {
        Self { slots, saved, held: BTreeSet::new(), preempted: BTreeSet::new() }
    }
}

impl Room for Preemptible {
    fn fits(&self, _: RequestId, victims: &[RequestId]) -> Result<bool, Short> {
        assert!(victims.iter().all(|victim| self.held.contains(victim)));
        if !victims.is_empty() && self.preempted.len() + victims.len() > self.saved {
            return Err(Short::Saving);
        }
        Ok(self.held.len() - victims.len() < self.slots)
    }

    fn can_borrow(&self, request: &BorrowRequest<'_>) -> bool {
        assert!(request.borrowers.iter().all(|borrower| self.held.contains(borrower)));
        let more = usize::from(!self.preempted.contains(&request.next));
        let borrowers = request.borrowers.len() + more;
        let displaced = borrowers.saturating_sub(request.unclaimed as usize);
        self.preempted.len() + displaced <= self.saved
    }

    fn can_save(&self, ids: &[RequestId]) -> bool {
        let more = ids.iter().filter(|id| !self.preempted.contains(id)).count();
        self.preempted.len() + more <= self.saved
    }

    fn reserve(&mut self, id: RequestId) -> Result<(), Short> {
        assert!(self.held.len() < self.slots && self.held.insert(id));
        Ok(())
    }

    fn preempt(&mut self, id: RequestId) -> Result<(), Short> {
        if self.preempted.len() >= self.saved {
            return Err(Short::Saving);
        }
        assert!(self.held.remove(&id) && self.preempted.insert(id));
        Ok(())
    }

    fn resume(&mut self, id: RequestId) -> Result<(), Short> {
        assert!(self.preempted.remove(&id) && self.held.len() < self.slots);
        self.held.insert(id);
        Ok(())
    }

    fn release(&mut self, id: RequestId) {
        self.held.remove(&id);
        self.preempted.remove(&id);
    }
}

impl Observed for Preemptible {
    fn held(&self) -> BTreeSet<RequestId> {
        self.held.clone()
    }

    fn may_borrow(&self, _: Tier) -> bool {
        true
    }
}

/// Admission, its room, and the requests passing through.
#[derive(Debug)]
pub(super) struct Team<R> {
    pub(super) admission: Admission,
    pub(super) room: R,
    pub(super) now: Tick,
    tiers: Vec<Tier>,
    /// Agent of each unfinished request.
    agents: BTreeMap<RequestId, usize>,
    /// Steps left of each request.
    steps: BTreeMap<RequestId, u32>,
    pub(super) running: BTreeSet<RequestId>,
    preempted: BTreeSet<RequestId>,
    pub(super) accepted: u64,
    pub(super) over: u64,
}

impl<R: Observed> Team<R> {
    pub(super) fn new(config: AdmissionConfig, room: R) -> Self {
        Self {
            tiers: config.agents.iter().map(|agent| agent.tier).collect(),
            admission: Admission::new(config),
            room,
            now: Tick(0),
            agents: BTreeMap::new(),
            steps: BTreeMap::new(),
            running: BTreeSet::new(),
            preempted: BTreeSet::new(),
            accepted: 0,
            over: 0,
        }
    }

    /// Offers a request that runs for `steps` steps; whether it was accepted.
    pub(super) fn offer(&mut self, id: u64, agent: usize, steps: u32) -> bool {
        self.offer_as(RequestClass::Interactive, id, agent, steps)
    }

    /// Offers a background request that runs for `steps` steps; whether it was accepted.
    pub(super) fn offer_background(&mut self, id: u64, agent: usize, steps: u32) -> bool {
        self.offer_as(RequestClass::Background, id, agent, steps)
    }

    pub(super) fn offer_as(
        &mut self,
        class: RequestClass,
        id: u64,
        agent: usize,
        steps: u32,
    ) -> bool {
        let id = RequestId(id);
        let accepted = self.admission.offer(self.now, Ticket { id, agent, class }).is_ok();
        if accepted {
            self.agents.insert(id, agent);
            self.steps.insert(id, steps.max(1));
            self.accepted += 1;
        }
        accepted
    }

    pub(super) fn withdraw(&mut self, id: u64) {
        let id = RequestId(id);
        self.admission.release(id, &mut self.room);
        self.forget(id);
    }

    fn forget(&mut self, id: RequestId) {
        self.running.remove(&id);
        self.preempted.remove(&id);
        self.steps.remove(&id);
        self.over += u64::from(self.agents.remove(&id).is_some());
    }

    /// Decides and runs one step; the requests started in it.
    pub(super) fn step(&mut self) -> Vec<u64> {
        let mut started = Vec::new();
        let decisions = self.admission.decide(self.now, &mut self.room);
        let borrowed_by = |decision: &Decision| match *decision {
            Decision::Start { id, borrowed, .. } | Decision::Resume { id, borrowed } => {
                borrowed.then_some(id)
            }
            Decision::Preempt { .. } => None,
        };
        if let [only] = decisions[..]
            && let Some(id) = borrowed_by(&only)
            && self.admission.load()[self.agents[&id]].in_flight > 1
        {
            let tier = self.tiers[self.agents[&id]];
            assert!(self.room.may_borrow(tier), "{id:?} of {tier:?} borrowed a reserved slot");
        }
        for decision in decisions {
            match decision {
                Decision::Start { id, .. } => {
                    assert!(self.running.insert(id), "{id:?} starts once");
                    started.push(id.0);
                }
                Decision::Preempt { id } => {
                    assert!(self.running.remove(&id), "only what runs is preempted");
                    self.preempted.insert(id);
                }
                Decision::Resume { id, .. } => {
                    assert!(self.preempted.remove(&id), "only what was preempted resumes");
                    self.running.insert(id);
                }
            }
        }
        assert_eq!(self.running, self.room.held(), "what runs holds room, and nothing else does");
        self.agree();
        let mut ended = Vec::new();
        for id in &self.running {
            let left = self.steps.get_mut(id).expect("accepted");
            *left -= 1;
            if *left == 0 {
                ended.push(*id);
            }
        }
        for id in ended {
            self.withdraw(id.0);
        }
        self.now = self.now + Duration::from_millis(1);
        started
    }

    /// The reported load equals the record.
    fn agree(&self) {
        let of = |set: &BTreeSet<RequestId>, agent: usize| {
            let own = set.iter().filter(|id| self.agents[id] == agent).count();
            u32::try_from(own).expect("few")
        };
        for (agent, load) in self.admission.load().iter().enumerate() {
            assert_eq!(load.in_flight, of(&self.running, agent));
            assert_eq!(load.preempted, of(&self.preempted, agent));
        }
        assert_eq!(self.admission.pending().len(), self.agents.len());
    }

    /// Steps until nothing is left; every accepted request ends once.
    pub(super) fn run_out(&mut self) {
        for _ in 0..200_000 {
            if self.agents.is_empty() {
                break;
            }
            self.step();
        }
        assert!(self.agents.is_empty(), "no request starves: {:?}", self.admission.load());
        assert_eq!(self.accepted, self.over);
        assert!(self.room.held().is_empty() && !self.admission.has_waiting());
    }
}
