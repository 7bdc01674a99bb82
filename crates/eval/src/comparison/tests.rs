use super::*;
use crate::attempt::Cost;

fn attempt(is_right: bool, tokens: u64, ms: u64) -> Attempt {
    let key = Some(if is_right { "right" } else { "wrong" }.to_owned());
    Attempt { key, is_right, cost: Cost { tokens, ms, joules: None }, is_cut: false }
}

/// An item that the team answers for 30 tokens in 1 s, and one agent for 10 tokens in 1 s.
fn item(solo: &[bool], team: bool) -> ItemOutcome {
    ItemOutcome {
        id: "1".to_owned(),
        solo: solo.iter().map(|right| attempt(*right, 10, 1000)).collect(),
        others: [(Arm::Team, attempt(team, 30, 1000))].into(),
    }
}

fn compared(outcomes: &[ItemOutcome], equality: Equality) -> Comparison {
    compare(outcomes, Arm::Team, equality).unwrap()
}

#[test]
fn one_agent_has_the_answers_that_fit_the_budget_of_each_equality() {
    // First wrong, then twice right.
    let outcomes = vec![item(&[false, true, true, false], true); 12];
    let seconds = compared(&outcomes, Equality::Seconds);
    assert!((seconds.solo_answers - 1.0).abs() < 1e-9);
    assert_eq!((seconds.only_team, seconds.only_solo), (12, 0));
    assert_eq!(seconds.ruling, Some(Ruling::TeamBetter));
    let tokens = compared(&outcomes, Equality::Tokens);
    assert!((tokens.solo_answers - 3.0).abs() < 1e-9);
    assert_eq!((tokens.both_right, tokens.ruling), (12, Some(Ruling::NoDifferenceShown)));
}

#[test]
fn a_verdict_needs_more_than_five_items_that_differ() {
    for (wins, ruling) in [(5, Ruling::NoDifferenceShown), (6, Ruling::TeamBetter)] {
        let mut outcomes = vec![item(&[false], true); wins];
        outcomes.extend(vec![item(&[true], true); 10]);
        assert_eq!(compared(&outcomes, Equality::Tokens).ruling, Some(ruling), "{wins}");
    }
    let lost = vec![item(&[true], false); 8];
    assert_eq!(compared(&lost, Equality::Tokens).ruling, Some(Ruling::SoloBetter));
}

#[test]
fn an_answer_that_exceeds_the_budget_counts_and_is_counted() {
    let mut costly = item(&[true], true);
    costly.solo[0].cost = Cost { tokens: 31, ms: 999, joules: None };
    assert_eq!(compared(&[costly.clone()], Equality::Tokens).over_budget, 1);
    assert_eq!(compared(&[costly], Equality::Seconds).over_budget, 0);
}

#[test]
fn nothing_is_compared_without_answers_of_both() {
    let no_solo = ItemOutcome { solo: Vec::new(), ..item(&[], true) };
    assert_eq!(compare(&[no_solo], Arm::Team, Equality::Tokens), None);
    assert_eq!(compare(&[item(&[true], true)], Arm::Vote, Equality::Tokens), None);
    assert_eq!(compare(&[], Arm::Team, Equality::Tokens), None);
}
