//! Background requests: each rule by example, and that they cost interactive requests nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use harmonic_types::{RequestClass, Tier};
use proptest::prelude::*;

use super::team::{Observed, Preemptible, Team, agent, config};
use crate::{AgentConfig, Slots};

fn executive_and_coder() -> Vec<AgentConfig> {
    vec![agent("executive", Tier::Executive, 1), agent("coder", Tier::Specialists, 2)]
}

fn running<R: Observed>(team: &Team<R>) -> Vec<u64> {
    team.running.iter().map(|id| id.0).collect()
}

#[test]
fn a_background_request_waits_for_all_interactive_ones_of_its_agent_and_of_others() {
    let mut team = Team::new(config(executive_and_coder(), 1), Preemptible::new(1, 0));
    team.offer_background(0, 0, 1);
    team.offer_background(1, 1, 1);
    team.offer(10, 1, 1);
    team.offer(11, 1, 1);
    team.offer(12, 0, 1);
    let order: Vec<u64> = (0..5).flat_map(|_| team.step()).collect();
    assert_eq!(order, [12, 10, 11, 0, 1], "among background requests the tiers rule as ever");
    team.run_out();
}

#[test]
fn idle_slots_of_all_agents_are_lent_in_the_background() {
    let mut team = Team::new(config(executive_and_coder(), 3), Preemptible::new(3, 3));
    for id in 0..3 {
        team.offer_background(id, 1, 9);
    }
    assert_eq!(team.step(), [0, 1, 2]);
    team.run_out();
}

#[test]
fn an_interactive_request_preempts_the_background_requests_on_its_own_slots_at_once() {
    let mut team = Team::new(config(executive_and_coder(), 3), Preemptible::new(3, 3));
    for id in 0..3 {
        team.offer_background(id, 1, 9);
    }
    team.step();
    team.offer(10, 1, 2);
    team.offer(11, 1, 2);
    assert_eq!(team.step(), [10, 11]);
    assert_eq!(running(&team), [0, 10, 11], "the last admitted give way first");
    team.run_out();
}

#[test]
fn an_interactive_borrower_preempts_background_requests_but_no_borrower() {
    let agents = vec![agent("executive", Tier::Executive, 2), agent("coder", Tier::Heavy, 1)];
    let mut team = Team::new(config(agents, 3), Preemptible::new(3, 9));
    team.offer_background(0, 0, 9);
    team.offer_background(1, 0, 9);
    team.offer(10, 1, 9);
    team.step();
    team.offer(11, 1, 9);
    assert_eq!(team.step(), [11], "it borrows a slot of the executive");
    assert_eq!(running(&team), [0, 10, 11]);
    team.offer(12, 1, 9);
    assert_eq!(team.step(), [12]);
    team.offer(13, 1, 9);
    assert_eq!(team.step(), [0u64; 0], "there are only borrowers left");
    team.run_out();
}

#[test]
fn background_requests_are_preempted_before_borrowers_of_any_tier() {
    let agents = vec![agent("executive", Tier::Executive, 1), agent("heavy", Tier::Heavy, 2)];
    let mut team = Team::new(config(agents, 3), Preemptible::new(3, 3));
    team.offer_background(0, 0, 9);
    team.step();
    for id in 10..12 {
        team.offer(id, 1, 9);
    }
    team.step();
    team.offer(20, 0, 1);
    assert_eq!(team.step(), [20]);
    assert_eq!(running(&team), [10, 11], "the third has ended");
    team.run_out();
}

#[test]
fn a_background_request_preempts_nothing() {
    let mut team = Team::new(config(executive_and_coder(), 3), Preemptible::new(3, 3));
    for id in 0..3 {
        team.offer(id, 1, 5);
    }
    team.step();
    team.offer_background(10, 0, 1);
    assert_eq!(team.step(), [0u64; 0], "though its agent's slot is borrowed");
    team.run_out();
}

#[test]
fn without_a_way_to_preempt_a_background_request_holds_its_own_slot_and_leaves_the_reserve() {
    let agents = vec![agent("executive", Tier::Executive, 1), agent("coder", Tier::Heavy, 2)];
    let mut team = Team::new(config(agents, 4), Slots::new(4, 1));
    for id in 0..4 {
        team.offer_background(id, 0, 9);
    }
    assert_eq!(team.step(), [0, 1, 2], "one slot is reserved, from background executives, too");
    team.offer(10, 0, 1);
    assert_eq!(team.step(), [10], "the reserve is for interactive ones");
    team.run_out();
}

#[test]
fn waiting_makes_a_background_request_interactive_until_it_ends() {
    let agents = vec![agent("coder", Tier::Specialists, 1)];
    let mut config = config(agents, 1);
    config.ageing = Duration::from_millis(10);
    let mut team = Team::new(config, Preemptible::new(1, 9));
    team.offer(0, 0, 1);
    team.offer_background(1, 0, 50);
    for id in 2.. {
        let started = team.step();
        if started.contains(&1) {
            break;
        }
        assert!(team.now.0 <= 60_000_000, "six periods");
        team.offer(id, 0, 1);
    }
    assert_eq!(team.now.0, 61_000_000, "it came before the one that was offered just now");
    team.offer(100, 0, 1);
    assert_eq!(team.step(), [0u64; 0], "it is not preempted any more");
    team.run_out();
}

/// An interactive request that arrives whenever the background request goes on.
#[test]
fn a_background_request_that_is_preempted_again_and_again_ends() {
    for ageing in [Duration::from_millis(10), Duration::from_secs(1 << 40)] {
        let mut limits = config(vec![agent("coder", Tier::Specialists, 1)], 1);
        limits.ageing = ageing;
        let mut team = Team::new(limits, Preemptible::new(1, 9));
        team.offer_background(0, 0, 2000);
        team.step();
        let mut rounds = 0;
        for id in 1.. {
            team.offer(id, 0, 1);
            if team.step().is_empty() {
                break;
            }
            rounds += 1;
            assert!(rounds <= 384, "as many admissions as make up for its class");
        }
        team.run_out();
    }
}

#[derive(Clone, Debug)]
struct Offer {
    class: RequestClass,
    agent: usize,
    steps: u32,
    /// Steps that follow.
    then: usize,
}

fn offers() -> impl Strategy<Value = Vec<Offer>> {
    let class = prop::sample::select(RequestClass::ALL.to_vec());
    let one = (class, 0..4usize, 1..9u32, 0..3usize)
        .prop_map(|(class, agent, steps, then)| Offer { class, agent, steps, then });
    // Fewer than those by which waiting requests age.
    prop::collection::vec(one, 1..60)
}

/// Step in which each interactive request started, with or without the background.
fn starts(slots: &[u32], max: u32, offers: &[Offer], background: bool) -> BTreeMap<u64, usize> {
    let tiers = Tier::ALL.iter().rev().cycle();
    let agents = slots.iter().zip(tiers).map(|(slots, tier)| agent("any", *tier, *slots));
    let mut limits = config(agents.collect(), max);
    limits.ageing = Duration::from_secs(1 << 40);
    let mut team = Team::new(limits, Preemptible::new(max as usize, 1000));
    let (mut starts, mut step) = (BTreeMap::new(), 0);
    for (id, offer) in (0..).zip(offers) {
        if background || offer.class == RequestClass::Interactive {
            team.offer_as(offer.class, id, offer.agent, offer.steps);
        }
        for _ in 0..offer.then {
            starts.extend(team.step().into_iter().map(|id| (id, step)));
            step += 1;
        }
    }
    for step in step..5000 {
        starts.extend(team.step().into_iter().map(|id| (id, step)));
    }
    team.run_out();
    starts.retain(|id, _| {
        let at = usize::try_from(*id).expect("few");
        offers[at].class == RequestClass::Interactive
    });
    starts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    /// Where everything can be saved, interactive requests start when they would start alone.
    #[test]
    fn background_requests_delay_no_interactive_one(
        slots in prop::collection::vec(0..4u32, 4), max in 1..6u32, offers in offers(),
    ) {
        prop_assert_eq!(
            starts(&slots, max, &offers, true),
            starts(&slots, max, &offers, false)
        );
    }
}
