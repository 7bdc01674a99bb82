//! Budgets: what is refused, left out, reserved, raised; inheritance by runs within runs.

use harmonic_orchestrator::{
    Ancestor, AskPolicy, Decision, Input, Run, RunLimits, RunSpec, SpecError,
};
use harmonic_types::{Joules, RunBudget, RunId, RunState, TaskState, Usage};

use crate::support::{Driver, answer, ask, check, graph, spec, vote};

fn bounded(budget: RunBudget) -> RunSpec {
    let tasks =
        [ask("a", "coder", &[]), ask("b", "analyst", &[]), ask("end", "executive", &[0, 1])];
    RunSpec { budget, ..spec(graph(tasks)) }
}

fn refusal(spec: RunSpec) -> String {
    Run::new(spec).unwrap_err().to_string()
}

#[test]
fn zero_is_refused_and_so_is_energy_without_a_meter() {
    let zero = |budget| refusal(bounded(budget));
    let tokens = RunBudget { tokens: Some(0), ..RunBudget::default() };
    assert!(zero(tokens).starts_with("invalid budget.tokens `0`: expected more than 0"));
    let time = RunBudget { time_ms: Some(0), ..RunBudget::default() };
    assert!(zero(time).starts_with("invalid budget.time `0`"));
    for joules in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let joules = RunBudget { joules: Some(Joules(joules)), ..RunBudget::default() };
        assert!(zero(joules).starts_with("invalid budget.joules"));
    }
    let mut spec = bounded(RunBudget { joules: Some(Joules(5.0)), ..RunBudget::default() });
    spec.has_meter = false;
    assert!(refusal(spec).contains("no energy meter"));
}

#[test]
fn what_is_reserved_and_spent_stays_within_the_bound_and_leaves_the_last_task_its_share() {
    let budget = RunBudget { tokens: Some(6_000), ..RunBudget::default() };
    let mut driver = Driver::started(bounded(budget));
    let reserved: u64 = driver
        .calls
        .values()
        .map(|call| u64::from(call.prompt_tokens) + u64::from(call.max_tokens))
        .sum();
    assert!(reserved <= 6_000 - 1_000, "{reserved}");
    for title in ["a", "b"] {
        let call = driver.call(title);
        let mut all = answer(&call, "long");
        all.usage.completion_tokens = call.max_tokens;
        driver.feed(Input::Answered { call: call.call, answer: all });
    }
    assert_eq!(driver.open(), ["end"]);
    driver.answer("end", "joined");
    assert!(driver.run.record().spent.tokens() <= 6_000);
}

#[test]
fn a_budget_that_bears_only_some_tasks_joins_what_is_there() {
    let tasks = (0..8).map(|i| ask(&format!("t{i}"), "coder", &[]));
    let mut all: Vec<_> = tasks.collect();
    all.push(ask("end", "executive", &[0, 1, 2, 3, 4, 5, 6, 7]));
    let mut spec = spec(graph(all));
    spec.budget.tokens = Some(4_500);
    let mut driver = Driver::started(spec);
    driver.finish();
    let record = driver.run.record();
    assert!(matches!(record.state, RunState::Partial { .. }), "{:?}", record.state);
    assert!(record.tasks.iter().any(|task| task.state == TaskState::Done));
    assert!(
        record
            .tasks
            .iter()
            .any(|task| task.state == TaskState::Failed || task.state == TaskState::Skipped)
    );
    assert!(record.spent.tokens() <= 4_500);
}

#[test]
fn a_budget_that_bears_nothing_fails_with_the_cause() {
    let mut spec = spec(graph([ask("a", "coder", &[])]));
    spec.budget.tokens = Some(50);
    let driver = Driver::started(spec);
    let reason = "`a`: the budget does not bear its call".to_owned();
    assert_eq!(driver.result().0, RunState::Failed { reason });
}

#[test]
fn from_four_fifths_on_votes_have_one_answer_and_checks_are_left_out() {
    let tasks = [ask("a", "coder", &[]), vote("v", 3, None), check("c", 0, 2, &[0, 1])];
    let mut spec = spec(graph(tasks));
    if let harmonic_orchestrator::Approach::Graph { graph, .. } = &mut spec.approach {
        graph.tasks[1].after = vec![harmonic_types::TaskIndex(0)];
    }
    spec.budget.tokens = Some(100_000);
    let mut driver = Driver::started(spec);
    let below = Usage { prompt_tokens: 85_000, completion_tokens: 0, cached_tokens: 0 };
    driver.feed(Input::SpentBelow { run: child(), usage: below, millijoules: None });
    driver.answer("a", "text");
    assert_eq!(driver.open(), ["v"]);
    driver.answer("v", "Answer: 1");
    let (state, answer) = driver.result();
    assert!(
        matches!(state, RunState::Partial { reason } if reason.contains("one answer instead of a vote"))
    );
    assert_eq!(answer.as_deref(), Some("text"));
}

#[test]
fn when_the_time_is_short_only_the_last_task_runs_and_when_it_is_over_nothing_does() {
    let budget = RunBudget { time_ms: Some(100_000), ..RunBudget::default() };
    let mut driver = Driver::started(bounded(budget));
    driver.answer("a", "alpha");
    driver.fire();
    assert_eq!(driver.now, 90_010);
    assert_eq!(driver.open(), ["end"], "b was cancelled");
    let mut joined = driver.clone();
    joined.answer("end", "joined");
    assert!(matches!(joined.result(), (RunState::Partial { .. }, Some(text)) if text == "joined"));
    driver.fire();
    let (state, answer) = driver.result();
    assert!(matches!(state, RunState::Partial { reason } if reason.contains("the time is over")));
    assert_eq!(answer.as_deref(), Some("## a\n\nalpha"));
}

#[test]
fn energy_bounds_calls_by_its_rate_so_far() {
    let budget = RunBudget { joules: Some(Joules(10.0)), ..RunBudget::default() };
    let mut driver = Driver::started(bounded(budget));
    let call = driver.call("a");
    let mut costly = answer(&call, "alpha");
    costly.millijoules = Some(9_500);
    driver.feed(Input::Answered { call: call.call, answer: costly });
    driver.answer("b", "beta");
    assert!(driver.run.has_ended(), "{:?}", driver.open());
    assert!(matches!(driver.result(), (RunState::Partial { .. }, Some(_))));
}

#[test]
fn a_raise_is_asked_for_once_and_a_yes_raises_the_bounds_by_half() {
    for (decision, bound) in [(Decision::Approved, 150_000), (Decision::Denied, 100_000)] {
        let mut spec = bounded(RunBudget { tokens: Some(100_000), ..RunBudget::default() });
        spec.ask = AskPolicy::All;
        let mut driver = Driver::started(spec);
        let usage = Usage { prompt_tokens: 85_000, completion_tokens: 0, cached_tokens: 0 };
        driver.feed(Input::SpentBelow { run: child(), usage, millijoules: None });
        assert_eq!(driver.approvals.len(), 1);
        driver.decide(decision);
        assert_eq!(driver.run.record().budget.tokens, Some(bound));
        driver.answer("a", "alpha");
        assert_eq!(driver.approvals.len(), 0);
    }
}

#[test]
fn a_run_within_a_run_has_what_that_one_has_left_and_no_loop() {
    let mut above =
        Driver::started(bounded(RunBudget { tokens: Some(50_000), ..RunBudget::default() }));
    above.answer("a", "alpha");
    let lineage = above.run.lineage_below();
    assert!(lineage.budget_left.tokens.unwrap() < 50_000);
    let mut below = spec(graph([ask("a", "coder", &[])]));
    below.lineage = lineage.clone();
    assert!(matches!(Run::new(below.clone()), Err(SpecError::Loop { .. })), "the goal is the same");
    below.goal.text = "Another goal.".to_owned();
    assert!(matches!(Run::new(below.clone()), Err(SpecError::Loop { .. })), "the id is the same");
    below.id = RunId("run_1".to_owned());
    let run = Run::new(below.clone()).unwrap();
    assert_eq!(run.record().budget.tokens, lineage.budget_left.tokens);
    let more = |i| Ancestor { id: RunId(format!("above_{i}")), goal_digest: i };
    below.lineage.ancestors.extend((0..u64::from(RunLimits::DEPTH)).map(more));
    assert!(matches!(Run::new(below), Err(SpecError::TooDeep { depth: 3, most: 2 })));
}

fn child() -> RunId {
    RunId("run_child".to_owned())
}

fn tokens(completion_tokens: u32) -> Usage {
    Usage { prompt_tokens: 0, completion_tokens, cached_tokens: 0 }
}

#[test]
fn what_a_run_below_may_spend_is_no_longer_there_for_others_until_it_ends() {
    let bounds = RunBudget { tokens: Some(50_000), ..RunBudget::default() };
    let mut driver = Driver::started(bounded(bounds));
    let left = driver.run.lineage_below().budget_left.tokens.unwrap();
    let greedy = RunBudget { tokens: Some(u64::MAX), ..RunBudget::default() };
    assert_eq!(driver.run.tokens_below(greedy), Some(left));
    driver.feed(Input::StartedBelow { run: child(), tokens: Some(left) });
    assert_eq!(driver.run.lineage_below().budget_left.tokens, Some(0));
    let mut second = spec(graph([ask("a", "coder", &[])]));
    second.goal.text = "Another goal.".to_owned();
    second.id = RunId("run_second".to_owned());
    second.lineage = driver.run.lineage_below();
    let refused = Run::new(second.clone()).unwrap_err();
    assert!(matches!(refused, SpecError::NothingLeft { bound: "tokens", .. }), "{refused}");

    driver.feed(Input::SpentBelow { run: child(), usage: tokens(700), millijoules: Some(5) });
    assert_eq!(driver.run.lineage_below().budget_left.tokens, Some(0), "it was reserved");
    assert_eq!(driver.run.spent().tokens(), 700);
    driver.feed(Input::EndedBelow { run: child() });
    assert_eq!(driver.run.lineage_below().budget_left.tokens, Some(left - 700));
    second.lineage = driver.run.lineage_below();
    Run::new(second).unwrap();
    let record = driver.run.record();
    assert_eq!(record.parent, None);
    let [below] = record.children.as_slice() else { panic!("{record:?}") };
    assert_eq!((below.id.clone(), below.has_ended), (child(), true));
    assert_eq!((below.spent.tokens(), below.spent.joules), (700, Some(Joules(0.005))));
}

#[test]
fn tasks_wait_for_what_a_run_below_has_reserved_and_go_on_with_what_it_leaves() {
    let bounds = RunBudget { tokens: Some(50_000), ..RunBudget::default() };
    let mut driver = Driver::started(bounded(bounds));
    driver.feed(Input::StartedBelow { run: child(), tokens: Some(50_000) });
    driver.answer("a", "alpha");
    driver.answer("b", "beta");
    assert_eq!(driver.open(), Vec::<String>::new());
    assert_eq!(driver.run.state(), RunState::Running);
    driver.feed(Input::EndedBelow { run: child() });
    assert_eq!(driver.open(), ["end"]);
    driver.answer("end", "joined");
    assert_eq!(driver.result(), (RunState::Done, Some("joined".to_owned())));
}

#[test]
fn a_resumed_run_has_no_runs_below_and_what_they_had_reserved() {
    let bounds = RunBudget { tokens: Some(50_000), ..RunBudget::default() };
    let mut driver = Driver::started(bounded(bounds));
    let left = driver.run.lineage_below().budget_left;
    driver.feed(Input::StartedBelow { run: child(), tokens: left.tokens });
    driver.feed(Input::Stopped);
    driver.feed(Input::Resumed);
    assert!(driver.run.record().children[0].has_ended);
    assert_ne!(driver.run.lineage_below().budget_left.tokens, Some(0));
}

#[test]
fn no_person_raises_what_the_run_above_has_left() {
    let mut below = bounded(RunBudget { tokens: Some(1_000_000), ..RunBudget::default() });
    below.ask = AskPolicy::All;
    below.lineage.ancestors = vec![Ancestor { id: RunId("run_above".to_owned()), goal_digest: 1 }];
    below.lineage.budget_left.tokens = Some(100_000);
    let mut driver = Driver::started(below);
    driver.feed(Input::SpentBelow { run: child(), usage: tokens(85_000), millijoules: None });
    assert_eq!(driver.approvals.len(), 0);
    assert_eq!(driver.run.record().budget.tokens, Some(100_000));
    assert_eq!(driver.run.record().parent, Some(RunId("run_above".to_owned())));
}
