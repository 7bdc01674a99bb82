//! Random traffic: the invariants hold and no request starves.

use std::collections::BTreeMap;
use std::time::Duration;

use harmonic_types::{RequestClass, Tier};
use proptest::prelude::*;

use super::team::{Observed, Preemptible, Team, agent, config};
use crate::{AdmissionConfig, AgentConfig, Slots};

#[derive(Clone, Debug)]
enum Action {
    Offer { class: RequestClass, agent: usize, steps: u32 },
    Withdraw(u64),
    SetSlots { agent: usize, slots: u32 },
    SetLimit(u32),
    Step,
}

fn class() -> impl Strategy<Value = RequestClass> {
    prop::sample::select(RequestClass::ALL.to_vec())
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        5 => (class(), 0..4usize, 1..9u32)
            .prop_map(|(class, agent, steps)| Action::Offer { class, agent, steps }),
        1 => (0..200u64).prop_map(Action::Withdraw),
        1 => (0..4usize, 0..4u32).prop_map(|(agent, slots)| Action::SetSlots { agent, slots }),
        1 => (1..6u32).prop_map(Action::SetLimit),
        6 => Just(Action::Step),
    ]
}

fn agents(slots: &[u32]) -> Vec<AgentConfig> {
    let tiers = Tier::ALL.iter().rev().cycle();
    slots.iter().zip(tiers).map(|(slots, tier)| agent("any", *tier, *slots)).collect()
}

fn under<R: Observed>(config: AdmissionConfig, room: R, actions: &[Action]) {
    let max = config.max_in_flight;
    let mut team = Team::new(config, room);
    let mut next = 0;
    for action in actions {
        match *action {
            Action::Offer { class, agent, steps } => {
                team.offer_as(class, next, agent, steps);
                next += 1;
            }
            Action::Withdraw(id) => team.withdraw(id),
            Action::SetSlots { agent, slots } => team.admission.set_slots([(agent, slots)]),
            Action::SetLimit(limit) => team.admission.set_limit(limit),
            Action::Step => {
                team.step();
            }
        }
        assert!(team.running.len() <= max as usize);
    }
    team.admission.set_limit(max);
    team.run_out();
}

/// With queues that are always full, a bounded number of other requests starts before each one.
fn bounded<R: Observed>(slots: &[u32], in_flight: u32, classes: &[RequestClass], room: R) {
    const QUEUE: u64 = 3;
    let count = (slots.len() * classes.len()) as u64;
    // Tiers by which a request catches up at most.
    let tiers = if classes.contains(&RequestClass::Background) { 9 } else { 3 };
    let mut config = config(agents(slots), in_flight);
    config.queue_limit = 3;
    // Nothing ages by time.
    config.ageing = Duration::from_secs(1 << 40);
    let mut team = Team::new(config, room);
    let (mut id, mut admitted) = (0, 0u64);
    let mut offered: BTreeMap<u64, u64> = BTreeMap::new();
    for _ in 0..1500 {
        for (agent, class) in
            (0..slots.len()).flat_map(|agent| classes.iter().map(move |c| (agent, *c)))
        {
            while team.offer_as(class, id, agent, 1 + u32::try_from(id % 4).expect("small")) {
                offered.insert(id, admitted);
                id += 1;
            }
        }
        for started in team.step() {
            let passed = admitted - offered.remove(&started).expect("offered");
            // Agents without a quota take the floor one after the other, for at most 4 steps each.
            let turns = (QUEUE + 1) * count;
            let bound = tiers * 64 + turns * (4 * u64::from(in_flight) + 1);
            assert!(
                passed <= bound,
                "{passed} requests were admitted before {started}, bound {bound}"
            );
            admitted += 1;
        }
    }
    let oldest = offered.values().min().copied().unwrap_or(admitted);
    let most = (tiers - 3) * 64 + 700 * classes.len() as u64;
    assert!(admitted - oldest <= most, "{offered:?} wait since {oldest}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn invariants_hold_under_random_traffic(
        slots in prop::collection::vec(0..4u32, 4), max in 1..6u32, kept in 0..4u32,
        saved in 0..6usize, actions in prop::collection::vec(action(), 1..200),
    ) {
        under(config(agents(&slots), max), Slots::new(max, kept), &actions);
        under(config(agents(&slots), max), Preemptible::new(max as usize, saved), &actions);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// For any slots, including none, without preemption, with it, and with memory to save only
    /// some.
    #[test]
    fn no_request_starves(
        slots in prop::collection::vec(0..4u32, 2..7), in_flight in 1..5u32, saved in 0..6usize,
    ) {
        let interactive = [RequestClass::Interactive];
        for classes in [&interactive[..], &RequestClass::ALL[..]] {
            bounded(&slots, in_flight, classes, Slots::new(in_flight, 1));
            bounded(&slots, in_flight, classes, Preemptible::new(in_flight as usize, saved));
        }
    }
}

/// Half a million requests of both classes: no invariant broken, no slot leaked.
fn half_a_million<R: Observed>(room: R) {
    let mut rng = fastrand::Rng::with_seed(7);
    let mut limits = config(agents(&[8, 12, 0, 16]), 16);
    limits.queue_limit = 64;
    let mut team = Team::new(limits, room);
    let mut next = 0;
    while team.accepted < 500_000 {
        match rng.u32(0..20) {
            0 => team.withdraw(next - rng.u64(0..64).min(next)),
            1..=6 => {
                team.step();
            }
            _ => {
                let class = RequestClass::ALL[usize::from(rng.bool())];
                team.offer_as(class, next, rng.usize(0..4), rng.u32(1..6));
                next += 1;
            }
        }
    }
    team.run_out();
}

#[test]
fn a_million_requests_with_preemption_and_without() {
    half_a_million(Slots::new(16, 2));
    half_a_million(Preemptible::new(16, 6));
}
