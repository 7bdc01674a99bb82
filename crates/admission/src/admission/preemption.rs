//! Preemption of borrowers: a borrower makes way for a request within its quota, the [`Room`] saves
//! its state, and it resumes later where it stopped.

use harmonic_types::{RequestClass, RequestId};

use super::Admission;
use crate::agent::{Candidate, Started};
use crate::decision::Decision;
use crate::preemption_order::preemption_order;
use crate::room::Room;
use crate::tick::Tick;

impl Admission {
    /// Preempts borrowers until `next` has room: background before interactive, lowest priority
    /// first (tier 4 before tier 3), then the last admitted. Preempts none, and returns false, if
    /// preempting all of them would not be enough.
    pub(super) fn preempt_for(
        &mut self,
        now: Tick,
        next: RequestId,
        room: &mut impl Room,
        decisions: &mut Vec<Decision>,
    ) -> bool {
        self.preempt_of(self.preemptible(), now, next, room, decisions)
    }

    /// Preempts background requests until the interactive request of `candidate`, which may not
    /// preempt borrowers, has room; only if it may then run.
    pub(super) fn preempt_background_for(
        &mut self,
        now: Tick,
        candidate: &Candidate,
        room: &mut impl Room,
        decisions: &mut Vec<Decision>,
    ) -> bool {
        let mut yielding = self.preemptible();
        yielding.retain(|started| started.yields);
        // What is preempted is counted among the borrowers, which is at least what it takes.
        let may_run = || candidate.standing.within_quota || self.can_borrow(candidate, room);
        !yielding.is_empty()
            && may_run()
            && self.preempt_of(yielding, now, candidate.next, room, decisions)
    }

    /// Preempts `candidates` until `next` has room, or none.
    fn preempt_of(
        &mut self,
        candidates: Vec<Started>,
        now: Tick,
        next: RequestId,
        room: &mut impl Room,
        decisions: &mut Vec<Decision>,
    ) -> bool {
        let mut candidates = preemption_order(candidates);
        let (mut victims, mut ids) = (Vec::new(), Vec::new());
        loop {
            let in_flight = self.running.len() - victims.len();
            match room.fits(next, &ids) {
                Err(_) => return false,
                Ok(fits) if fits && in_flight < self.limit as usize => break,
                Ok(_) => {}
            }
            let Some(victim) = candidates.pop() else { return false };
            ids.push(victim.id);
            victims.push(victim);
        }
        victims.into_iter().all(|victim| self.preempt(victim, now, room, decisions))
    }

    /// Preempts borrowers until the requests in flight are within the limit.
    pub(super) fn shrink_to_limit(
        &mut self,
        now: Tick,
        room: &mut impl Room,
        decisions: &mut Vec<Decision>,
    ) {
        if self.running.len() <= self.limit as usize {
            return;
        }
        let mut candidates = preemption_order(self.beyond_quota());
        while self.running.len() > self.limit as usize {
            let Some(victim) = candidates.pop() else { return };
            if !self.preempt(victim, now, room, decisions) {
                return;
            }
        }
    }

    /// Preempts `victim`; false if the room cannot save it.
    fn preempt(
        &mut self,
        victim: Started,
        now: Tick,
        room: &mut impl Room,
        decisions: &mut Vec<Decision>,
    ) -> bool {
        if room.preempt(victim.id).is_err() {
            return false;
        }
        self.stop(victim);
        let waiting = match victim.class {
            RequestClass::Interactive => victim.waiting,
            RequestClass::Background => self.ageing(now).without_run(victim.waiting, victim.begun),
        };
        let preempted = &mut self.agents[victim.agent].lane_mut(victim.class).preempted;
        let at = preempted.partition_point(|other| other.order < victim.order);
        preempted.insert(at, Started { waiting, ..victim });
        decisions.push(Decision::Preempt { id: victim.id });
        true
    }

    /// Borrowers that may be preempted, and all that yield: all but the floor, which is the first
    /// admitted among the running requests of agents without a quota that do not yield. Without it, such an agent could start a request
    /// again and again and be preempted each time before a token is computed.
    pub(super) fn preemptible(&self) -> Vec<Started> {
        let without_quota =
            |started: &&Started| !started.yields && self.agents[started.agent].quota == 0;
        let floor = self.running.values().find(without_quota).map(|started| started.order);
        let mut borrowers = self.beyond_quota();
        borrowers.retain(|started| Some(started.order) != floor);
        borrowers
    }

    /// Requests that yield, and the last admitted of the others of each agent, as many as exceed
    /// its quota.
    fn beyond_quota(&self) -> Vec<Started> {
        let mut beyond: Vec<Started> =
            self.running.values().filter(|started| started.yields).copied().collect();
        for (index, agent) in self.agents.iter().enumerate() {
            let borrowed = agent.holding().saturating_sub(agent.quota) as usize;
            if borrowed > 0 {
                let own = self.running.values().rev();
                let own = own.filter(|started| started.agent == index && !started.yields);
                beyond.extend(own.take(borrowed));
            }
        }
        beyond
    }
}
