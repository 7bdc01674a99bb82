//! What holds for every run: random graphs, random orders and outcomes of inputs.

use std::collections::BTreeMap;

use harmonic_orchestrator::{
    AskPolicy, CallFailure, CallPurpose, Decision, Input, Run, RunSpec, ToolFailure,
};
use harmonic_types::{
    FinishReason, RunState, Task, TaskIndex, TaskState, ToolCall, ToolEffects, Work,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::{
    Driver, answer, ask, check, graph, returned, scripted, spec, tool, tool_task, vote,
};

/// Graphs that are valid: every task is read, no ask is checked twice.
fn any_tasks() -> impl Strategy<Value = Vec<Task>> {
    let agents = ["coder", "analyst", "research_director", "creative_director"];
    let one = (0_u8..6, any::<u32>(), 0..agents.len(), prop::option::of(40_u32..400));
    vec(one, 1..8).prop_map(move |drawn| {
        let mut tasks: Vec<Task> = Vec::new();
        let mut checked = Vec::new();
        for (at, (kind, bits, agent, max_tokens)) in drawn.iter().enumerate() {
            let at = u32::try_from(at).unwrap();
            let after: Vec<u32> = (0..at).filter(|earlier| bits >> earlier & 1 == 1).collect();
            let title = format!("t{at}");
            let of = after.iter().copied().find(|of| {
                matches!(tasks[*of as usize].work, Work::Ask { .. }) && !checked.contains(of)
            });
            let mut task = match (kind, of) {
                (0, _) => tool_task(&title, "web.read", &after),
                (1, _) => tool_task(&title, "disk.write", &after),
                (2, _) => {
                    let judge = (bits & 1 == 0).then_some("executive");
                    Task {
                        after: after.into_iter().map(TaskIndex).collect(),
                        ..vote(&title, 2 + bits % 3, judge)
                    }
                }
                (3, Some(of)) => {
                    checked.push(of);
                    check(&title, of, 1 + bits % 2, &after)
                }
                _ => ask(&title, agents[*agent], &after),
            };
            if !matches!(task.work, Work::Tool { .. }) {
                task.max_tokens = *max_tokens;
            }
            tasks.push(task);
        }
        let all: Vec<u32> = (0..u32::try_from(tasks.len()).unwrap()).collect();
        tasks.push(ask("end", "executive", &all));
        tasks
    })
}

/// A specification that a failure shows by its tasks, not by its agents' prompts.
#[derive(Clone)]
struct Drawn(RunSpec);

impl std::fmt::Debug for Drawn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let RunSpec { approach, budget, ask, .. } = &self.0;
        f.debug_tuple("Drawn").field(approach).field(budget).field(ask).finish()
    }
}

fn any_spec() -> impl Strategy<Value = Drawn> {
    let policies = [AskPolicy::Write, AskPolicy::All, AskPolicy::Never, AskPolicy::Plan];
    (
        any_tasks(),
        prop::option::of(500_u64..60_000),
        prop::sample::select(policies.to_vec()),
        prop::option::of(500_u64..5_000),
    )
        .prop_map(|(tasks, tokens, ask, time_ms)| {
            let mut spec = spec(graph(tasks));
            spec.tools = vec![
                tool("web.read", ToolEffects::ReadOnly),
                tool("disk.write", ToolEffects::Writing),
            ];
            for agent in &mut spec.agents {
                agent.tools = vec!["web.read".to_owned(), "disk.write".to_owned()];
            }
            spec.granted = vec!["disk.write".to_owned()];
            spec.budget.tokens = tokens;
            spec.budget.time_ms = time_ms;
            spec.ask = ask;
            Drawn(spec)
        })
}

/// One thing that happens: which, and to which of those that are open.
type Happening = (u8, u8, u8);

/// Does what `happening` says, if there is anything that it can happen to.
fn happen(driver: &mut Driver, (kind, which, how): Happening) {
    fn pick<K: Copy, V>(open: &BTreeMap<K, V>, which: u8) -> Option<K> {
        let at = usize::from(which) % open.len().max(1);
        open.keys().nth(at).copied()
    }
    match kind % 10 {
        0..=3 => {
            let Some(call) = pick(&driver.calls, which) else { return };
            let spec = driver.calls[&call].clone();
            let input = outcome(&spec, how);
            driver.feed(input);
        }
        4 | 5 => {
            let Some(call) = pick(&driver.tools, which) else { return };
            driver.feed(Input::ToolIntended { call });
            let message = "cause".to_owned();
            driver.feed(match how % 4 {
                0 => Input::ToolFailed { call, failure: ToolFailure::Unknown { message } },
                1 => Input::ToolFailed { call, failure: ToolFailure::Refused { message } },
                _ => Input::ToolReturned {
                    call,
                    result: returned(&"r".repeat(usize::from(how) * 40)),
                },
            });
        }
        6 => {
            let Some(approval) = pick(&driver.approvals, which) else { return };
            let decision = if how % 3 == 0 { Decision::Denied } else { Decision::Approved };
            driver.feed(Input::Decided { approval, decision });
        }
        7 => {
            let Some(timer) = pick(&driver.timers, which) else { return };
            driver.feed(Input::TimerFired { timer });
        }
        8 => {
            let Some(call) = pick(&driver.cancelled, which) else { return };
            let spec = driver.cancelled[&call].clone();
            let given = answer(&spec, "");
            driver.feed(Input::Failed {
                call,
                failure: CallFailure::Cancelled,
                usage: Some(given.usage),
                millijoules: given.millijoules,
                spans: Vec::new(),
            });
        }
        _ => {
            if how % 3 == 0 {
                driver.feed(Input::Stopped);
            }
            driver.feed(Input::Resumed);
        }
    }
}

/// A result of a call, within what was reserved.
fn outcome(spec: &harmonic_orchestrator::CallSpec, how: u8) -> Input {
    let call = spec.call;
    let failed = |failure| Input::Failed {
        call,
        failure,
        usage: None,
        millijoules: None,
        spans: Vec::new(),
    };
    let mut given = scripted(spec);
    match how % 16 {
        0 => return failed(CallFailure::Restarting { retry_after_ms: 500 }),
        1 => return failed(CallFailure::Busy { retry_after_ms: 0 }),
        2 => return failed(CallFailure::Stalled),
        3 => return failed(CallFailure::Form { message: "broken".to_owned() }),
        4 => return failed(CallFailure::Refused { message: "refused".to_owned() }),
        5 => given.text = String::new(),
        6 | 7 if spec.purpose == CallPurpose::Check => {
            r#"{"reasons":"bad","accept":false}"#.clone_into(&mut given.text);
        }
        8 => {
            given.finish = FinishReason::Length;
            given.usage.completion_tokens = spec.max_tokens;
        }
        9 | 10 if !spec.tools.is_empty() => {
            given.finish = FinishReason::ToolCalls;
            let call = |at: u8| ToolCall {
                id: format!("c{at}"),
                name: spec.tools[usize::from(at + how) % spec.tools.len()].name.clone(),
                arguments: format!(r#"{{"n":{}}}"#, how / 64),
            };
            given.tool_calls = (0..=how % 3).map(call).collect();
        }
        11 => given.text = format!("Answer: {how}"),
        12 => given.text = "long ".repeat(3_000),
        13 => given.finish = FinishReason::Cancelled,
        _ => {}
    }
    Input::Answered { call, answer: given }
}

/// Goes on until the run ends: people deny, everything else is answered.
fn finish(driver: &mut Driver) {
    for _ in 0..200 {
        driver.finish();
        if driver.run.has_ended() {
            return;
        }
        driver.decide(Decision::Denied);
    }
    panic!("the run does not end");
}

/// No task runs before its inputs are resolved.
fn check_order(driver: &Driver) {
    let record = driver.run.record();
    let graph = record.graph.unwrap();
    for (at, task) in graph.tasks.iter().enumerate() {
        if matches!(record.tasks[at].state, TaskState::Running | TaskState::WaitingForApproval) {
            for input in &task.after {
                let state = record.tasks[input.0 as usize].state;
                let resolved = [TaskState::Done, TaskState::Failed, TaskState::Skipped];
                assert!(resolved.contains(&state), "{} runs before {}", task.title, input.0);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_run_ends_in_order_within_its_budget_and_is_the_fold_of_its_journal(
        Drawn(spec) in any_spec(),
        happenings in vec(any::<Happening>(), 0..60),
    ) {
        let bound = spec.budget.tokens;
        let mut driver = Driver::started(spec.clone());
        for happening in happenings {
            happen(&mut driver, happening);
            check_order(&driver);
        }
        if driver.run.state() == RunState::Stopped {
            driver.feed(Input::Resumed);
        }
        finish(&mut driver);
        let record = driver.run.record();
        // A person can have raised it.
        let bound = record.budget.tokens.max(bound);
        if let Some(bound) = bound {
            prop_assert!(record.spent.tokens() <= bound, "{} > {bound}", record.spent.tokens());
        }
        let partial_or_done = !matches!(record.state, RunState::Failed { .. });
        prop_assert_eq!(record.answer.is_some(), partial_or_done);
    }

    #[test]
    fn the_same_journal_gives_the_same_actions_and_records_at_every_prefix(
        Drawn(spec) in any_spec(),
        happenings in vec(any::<Happening>(), 0..40),
    ) {
        let text = serde_json::to_string(&spec).unwrap();
        let read: RunSpec = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&read, &spec);
        let mut driver = Driver::started(spec);
        for happening in happenings {
            happen(&mut driver, happening);
        }
        let mut first = Run::new(read.clone()).unwrap();
        let mut second = Run::new(read).unwrap();
        for (at, input) in &driver.journal {
            let text = serde_json::to_string(input).unwrap();
            let again: Input = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&again, input);
            prop_assert_eq!(first.apply(*at, input.clone()), second.apply(*at, again));
            prop_assert_eq!(first.record(), second.record());
        }
        prop_assert_eq!(first.record(), driver.run.record());
    }

    #[test]
    fn a_run_that_is_interrupted_anywhere_comes_to_the_same_result(
        tasks in any_tasks(),
        crashes in vec(0_u8..4, 0..60),
    ) {
        let mut spec = spec(graph(tasks));
        spec.tools = vec![tool("web.read", ToolEffects::ReadOnly), tool("disk.write", ToolEffects::Writing)];
        spec.ask = AskPolicy::Never;
        spec.granted = vec!["disk.write".to_owned()];
        let mut undisturbed = Driver::started(spec.clone());
        undisturbed.finish();
        let mut driver = Driver::started(spec);
        for crash in crashes {
            if let Some(spec) = driver.calls.values().next().cloned() {
                driver.feed(Input::Answered { call: spec.call, answer: scripted(&spec) });
            } else if let Some(call) = driver.tools.keys().next().copied() {
                let result = returned(&format!("result of {}", driver.tools[&call].title));
                driver.feed(Input::ToolIntended { call });
                driver.feed(Input::ToolReturned { call, result });
            }
            if crash == 0 {
                driver.feed(Input::Stopped);
            }
            if crash <= 1 {
                driver.feed(Input::Resumed);
            }
        }
        driver.finish();
        let result = |driver: &Driver| {
            let record = driver.run.record();
            let tasks = record.tasks.into_iter().map(|task| (task.title, task.state, task.text));
            (record.state, record.answer, tasks.collect::<Vec<_>>())
        };
        prop_assert_eq!(result(&driver), result(&undisturbed));
    }

    #[test]
    fn a_writing_tool_is_called_once_for_a_task_unless_a_person_says_so(
        tasks in any_tasks(),
        never in any::<bool>(),
        happenings in vec(any::<Happening>(), 0..60),
    ) {
        let mut spec = spec(graph(tasks));
        spec.tools = vec![tool("web.read", ToolEffects::ReadOnly), tool("disk.write", ToolEffects::Writing)];
        spec.ask = if never { AskPolicy::Never } else { AskPolicy::Write };
        spec.granted = vec!["disk.write".to_owned()];
        let mut driver = Driver::started(spec);
        for (kind, which, how) in happenings {
            // A yes to the first question is due; one to a repetition is never given.
            let asks_to_repeat = driver.approvals.values().any(|approval| {
                matches!(approval.subject, harmonic_orchestrator::ApprovalSubject::Repeat { .. })
            });
            let how = if kind % 10 == 6 && asks_to_repeat { 0 } else { how };
            happen(&mut driver, (kind, which, how));
            // Dies between the intent and the result.
            if kind % 10 == 9 && let Some(call) = driver.tools.keys().next().copied() {
                driver.feed(Input::ToolIntended { call });
                driver.feed(Input::Resumed);
            }
        }
        let intended: Vec<_> = driver.journal.iter().filter_map(|(_, input)| match input {
            Input::ToolIntended { call } => Some(*call),
            _ => None,
        }).collect();
        let mut written: BTreeMap<&str, usize> = BTreeMap::new();
        for call in driver.tools_called.iter().filter(|call| call.tool == "disk.write") {
            if intended.contains(&call.call) {
                *written.entry(&call.title).or_default() += 1;
            }
        }
        prop_assert!(written.values().all(|times| *times == 1), "{written:?}");
    }
}
