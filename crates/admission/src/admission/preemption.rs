//! Preemption of borrowers: a borrower makes way for a request within its quota, the [`Room`] saves
//! its state, and it resumes later where it stopped.

use harmonic_types::RequestId;

use super::Admission;
use crate::agent::Started;
use crate::decision::Decision;
use crate::room::Room;

impl Admission {
    /// Preempts borrowers until `next` has room: lowest priority first (tier 4 before tier 3), then the last
    /// admitted.
    /// Preempts none, and returns false, if preempting all of them would not be enough.
    pub(super) fn preempt_for(
        &mut self,
        next: RequestId,
        room: &mut impl Room,
        decisions: &mut Vec<Decision>,
    ) -> bool {
        let mut candidates = in_order_of_preemption(self.preemptible());
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
        victims.into_iter().all(|victim| self.preempt(victim, room, decisions))
    }

    /// Preempts borrowers until the requests in flight are within the limit.
    pub(super) fn shrink_to_limit(&mut self, room: &mut impl Room, decisions: &mut Vec<Decision>) {
        if self.running.len() <= self.limit as usize {
            return;
        }
        let mut candidates = in_order_of_preemption(self.beyond_quota());
        while self.running.len() > self.limit as usize {
            let Some(victim) = candidates.pop() else { return };
            if !self.preempt(victim, room, decisions) {
                return;
            }
        }
    }

    /// Preempts `victim`; false if the room cannot save it.
    fn preempt(
        &mut self,
        victim: Started,
        room: &mut impl Room,
        decisions: &mut Vec<Decision>,
    ) -> bool {
        if room.preempt(victim.id).is_err() {
            return false;
        }
        self.running.remove(&victim.order);
        let agent = &mut self.agents[victim.agent];
        agent.in_flight -= 1;
        let at = agent.preempted.partition_point(|other| other.order < victim.order);
        agent.preempted.insert(at, victim);
        decisions.push(Decision::Preempt { id: victim.id });
        true
    }

    /// Borrowers that may be preempted: all but the floor, which is the first admitted among the
    /// running requests of agents without a quota. Without it, such an agent could start a request
    /// again and again and be preempted each time before a token is computed.
    pub(super) fn preemptible(&self) -> Vec<Started> {
        let without_quota = |started: &&Started| self.agents[started.agent].quota == 0;
        let floor = self.running.values().find(without_quota).map(|started| started.order);
        let mut borrowers = self.beyond_quota();
        borrowers.retain(|started| Some(started.order) != floor);
        borrowers
    }

    /// The last admitted requests of each agent, as many as exceed its quota.
    fn beyond_quota(&self) -> Vec<Started> {
        let mut beyond = Vec::new();
        for (index, agent) in self.agents.iter().enumerate() {
            let borrowed = agent.borrowed() as usize;
            if borrowed > 0 {
                let own = self.running.values().rev().filter(|started| started.agent == index);
                beyond.extend(own.take(borrowed));
            }
        }
        beyond
    }
}

/// Sorts so that the next victim is last: lowest tier, then last admitted.
fn in_order_of_preemption(mut borrowers: Vec<Started>) -> Vec<Started> {
    borrowers.sort_by_key(|started| (started.tier, started.order));
    borrowers
}
