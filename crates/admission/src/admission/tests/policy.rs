//! Each rule by example.

use std::time::Duration;

use harmonic_types::{Rejection, RequestClass, RequestId, Tier};

use super::team::{Preemptible, Team, agent, config};
use crate::{Admission, AdmissionConfig, BorrowRequest, Room, Short, Slots, Tick, Ticket};

fn ticket(id: u64, agent: usize) -> Ticket {
    Ticket { id: RequestId(id), agent, class: RequestClass::Interactive }
}

fn executive_and_coder() -> Vec<crate::AgentConfig> {
    vec![agent("executive", Tier::Executive, 1), agent("coder", Tier::Specialists, 2)]
}

#[test]
fn a_request_within_its_quota_goes_before_borrowers_and_idle_slots_are_borrowed() {
    let mut team = Team::new(config(executive_and_coder(), 3), Preemptible::new(3, 3));
    for id in 0..5 {
        assert!(team.offer(id, 1, 2));
    }
    assert_eq!(team.step(), [0, 1, 2], "the executive's idle slot is borrowed");
    team.step();
    assert!(team.offer(100, 0, 2));
    assert_eq!(team.step(), [100, 3, 4], "the executive goes first, though it came last");
}

#[test]
fn a_borrower_is_preempted_for_a_quota_and_goes_on_later() {
    let mut team = Team::new(config(executive_and_coder(), 3), Preemptible::new(3, 3));
    for id in 0..3 {
        team.offer(id, 1, 9);
    }
    team.step();
    team.offer(100, 0, 1);
    assert_eq!(team.step(), [100]);
    assert!(!team.running.contains(&RequestId(2)), "the last one admitted gave its slot back");
    team.step();
    assert!(team.running.contains(&RequestId(2)), "it goes on when there is room again");
    team.run_out();
}

#[test]
fn no_more_is_borrowed_than_could_be_preempted() {
    let mut team = Team::new(config(executive_and_coder(), 3), Preemptible::new(3, 0));
    for id in 0..3 {
        team.offer(id, 1, 9);
    }
    assert_eq!(team.step(), [0, 1]);
}

#[test]
fn of_slots_that_cannot_be_preempted_one_is_reserved_for_tier_1() {
    let agents = vec![agent("executive", Tier::Executive, 0), agent("coder", Tier::Heavy, 1)];
    let mut team = Team::new(config(agents, 4), Slots::new(4, 1));
    for id in 0..4 {
        team.offer(id, 1, 9);
    }
    assert_eq!(team.step(), [0, 1, 2], "one of its own, two borrowed");
    team.offer(100, 0, 9);
    assert_eq!(team.step(), [100], "the executive finds a slot though nothing can be preempted");
    team.run_out();
}

#[test]
fn a_stated_share_is_reserved_and_an_executive_may_borrow_it() {
    let agents = vec![agent("executive", Tier::Executive, 1), agent("coder", Tier::Heavy, 1)];
    let mut team = Team::new(config(agents, 6), Slots::new(6, 3));
    for id in 0..6 {
        team.offer(id, 1, 9);
    }
    assert_eq!(team.step(), [0, 1, 2], "three of six are reserved");
    for id in 100..106 {
        team.offer(id, 0, 9);
    }
    assert_eq!(team.step(), [100, 101, 102]);
    team.run_out();
}

#[test]
fn a_single_slot_that_cannot_be_preempted_is_never_borrowed_and_serves_all_in_turns() {
    let mut team = Team::new(config(executive_and_coder(), 1), Slots::new(1, 5));
    for id in 0..9 {
        team.offer(id, usize::try_from(id % 2).expect("small"), 2);
    }
    assert_eq!(team.step().len(), 1);
    team.run_out();
}

#[test]
fn waiting_promotes_a_tier() {
    let agents = vec![agent("executive", Tier::Executive, 1), agent("heavy", Tier::Heavy, 1)];
    let mut config = config(agents, 1);
    config.ageing = Duration::from_nanos(10);
    let mut admission = Admission::new(config);
    let mut room = Slots::new(1, 1);
    let offer = |admission: &mut Admission, at, id, agent| {
        admission.offer(Tick(at), ticket(id, agent)).expect("there is room");
    };
    offer(&mut admission, 0, 1, 1);
    offer(&mut admission, 35, 2, 0);
    admission.decide(Tick(35), &mut room);
    assert_eq!(admission.load()[1].in_flight, 1, "three tiers in 35 ns");
}

#[test]
fn a_full_queue_and_an_unknown_agent_are_refused() {
    let mut config = config(executive_and_coder(), 1);
    config.queue_limit = 1;
    let mut admission = Admission::new(config);
    let mut offer = |id, agent| admission.offer(Tick(0), ticket(id, agent));
    offer(1, 0).expect("there is room");
    let rejection = offer(2, 0).expect_err("the queue is full");
    assert!(matches!(rejection, Rejection::QueueFull { queued: 1, .. }));
    assert!(matches!(offer(3, 7).expect_err("no such agent"), Rejection::Invalid { .. }));
}

#[test]
fn borrowers_beyond_a_lower_limit_are_preempted_and_quotas_are_not() {
    let mut team = Team::new(config(executive_and_coder(), 3), Preemptible::new(3, 3));
    for id in 0..3 {
        team.offer(id, 1, 9);
    }
    team.step();
    team.admission.set_limit(1);
    team.step();
    assert_eq!(team.running.len(), 2, "the coder's two slots are its own");
    team.admission.set_limit(3);
    team.run_out();
}

/// The acceptance case of issue 15: one agent of 8 slots, where 32 may be in flight.
#[test]
fn what_belongs_to_nobody_is_lent_without_a_way_to_preempt() {
    let alone =
        AdmissionConfig { unowned: 24, ..config(vec![agent("coder", Tier::Specialists, 8)], 32) };
    let mut team = Team::new(alone, Preemptible::new(32, 0));
    for id in 0..40 {
        team.offer(id, 0, 9);
    }
    team.step();
    assert_eq!(team.running.len(), 32);
    team.run_out();
}

#[test]
fn what_belongs_to_nobody_leaves_every_quota_free() {
    let beside = AdmissionConfig { unowned: 5, ..config(executive_and_coder(), 8) };
    let quotas: u32 = beside.agents.iter().map(|agent| agent.slots).sum();
    assert_eq!(quotas, 3);
    for room in [0, 2] {
        let mut team = Team::new(beside.clone(), Preemptible::new(8, room));
        for id in 0..9 {
            team.offer(id, 1, 9);
        }
        team.step();
        let borrowed = if room == 0 { 5 } else { 6 };
        assert_eq!(team.running.len(), 2 + borrowed, "with room to save {room}");
        team.offer(9, 0, 1);
        assert_eq!(team.step(), [9], "the executive starts at once, with room to save {room}");
        team.run_out();
    }
}

/// A room whose reservations fail after `fits` returned true, as those of a remote server may.
struct FailingRoom(bool);

impl Room for FailingRoom {
    fn fits(&self, _: RequestId, _: &[RequestId]) -> Result<bool, Short> {
        Ok(true)
    }

    fn can_borrow(&self, _: &BorrowRequest<'_>) -> bool {
        true
    }

    fn can_save(&self, _: &[RequestId]) -> bool {
        false
    }

    fn reserve(&mut self, _: RequestId) -> Result<(), Short> {
        if self.0 { Err(Short::Room) } else { Ok(()) }
    }

    fn preempt(&mut self, _: RequestId) -> Result<(), Short> {
        Err(Short::NotPreemptible)
    }

    fn resume(&mut self, _: RequestId) -> Result<(), Short> {
        Err(Short::Room)
    }

    fn release(&mut self, _: RequestId) {}
}

#[test]
fn a_reservation_that_fails_loses_no_request() {
    let mut admission = Admission::new(config(executive_and_coder(), 2));
    let mut room = FailingRoom(true);
    for id in 0..2 {
        admission.offer(Tick(0), ticket(id, 1)).expect("there is room");
    }
    assert_eq!(admission.decide(Tick(0), &mut room), []);
    assert_eq!(admission.load()[1].queued, 2);
    room.0 = false;
    assert_eq!(admission.decide(Tick(1), &mut room).len(), 2);
}
