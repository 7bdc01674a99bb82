//! Questions to a person: when, what they block, silence, restarts.

use harmonic_orchestrator::{AskPolicy, Decision, Input, RunSpec};
use harmonic_types::{RunState, SpanKind, TaskState, ToolEffects};

use crate::support::{Driver, ask, graph, returned, spec, tool, tool_task};

fn writing(ask_policy: AskPolicy, name: &str, effects: ToolEffects) -> RunSpec {
    let tasks =
        [tool_task("t", name, &[]), ask("other", "coder", &[]), ask("end", "coder", &[0, 1])];
    RunSpec { ask: ask_policy, tools: vec![tool(name, effects)], ..spec(graph(tasks)) }
}

#[test]
fn who_is_asked_follows_the_policy() {
    use AskPolicy::{All, Never, Plan, Write};
    use ToolEffects::{Idempotent, ReadOnly, Running, Writing};
    for (policy, name, effects, expected) in [
        (Write, "web.x", ReadOnly, "called"),
        (Write, "web.x", Writing, "asked"),
        (Write, "web.x", Idempotent, "asked"),
        (Write, "web.x", Running, "asked"),
        (Plan, "web.x", ReadOnly, "called"),
        (Plan, "web.x", Running, "asked"),
        (All, "web.x", ReadOnly, "asked"),
        (All, "workspace.x", Writing, "asked"),
        (Never, "web.x", ReadOnly, "called"),
        (Never, "web.x", Writing, "denied"),
        (Never, "web.x", Running, "denied"),
        (Never, "workspace.x", Writing, "called"),
        (Never, "workspace.x", Running, "denied"),
    ] {
        let driver = Driver::started(writing(policy, name, effects));
        let found = match (driver.tools.len(), driver.approvals.len()) {
            (1, 0) => "called",
            (0, 1) => "asked",
            _ => "denied",
        };
        assert_eq!(found, expected, "{policy:?} {name} {effects:?}");
    }
    let mut granted = writing(Never, "web.x", Running);
    granted.granted = vec!["web.x".to_owned()];
    assert_eq!(Driver::started(granted).tools.len(), 1);
}

#[test]
fn a_question_blocks_its_branch_alone_and_the_wait_is_no_time_of_the_run() {
    let mut driver = Driver::started(writing(AskPolicy::Write, "web.x", ToolEffects::Writing));
    assert_eq!(driver.open(), ["other"]);
    driver.answer("other", "done");
    assert_eq!(driver.run.state(), RunState::WaitingForApproval);
    let waiting = driver.run.record();
    assert_eq!(waiting.tasks[0].state, TaskState::WaitingForApproval);
    let before = waiting.spent.time_ms;
    driver.now += 100_000;
    driver.decide(Decision::Approved);
    assert_eq!(driver.run.record().spent.time_ms, before);
    let call = *driver.tools.keys().next().unwrap();
    driver.feed(Input::ToolReturned { call, result: returned("x") });
    let spans = &driver.run.record().tasks[0].spans;
    assert!(spans[0].kind == SpanKind::Person && spans[0].ms() >= 100_000);
}

#[test]
fn silence_is_a_no() {
    let mut spec = writing(AskPolicy::Write, "web.x", ToolEffects::Writing);
    spec.limits.approval_ms = 1_000;
    let mut driver = Driver::started(spec);
    let deadline = driver.approvals.values().next().unwrap().deadline_ms;
    driver.fire();
    assert!(driver.now >= deadline && driver.approvals.is_empty());
    let task = &driver.run.record().tasks[0];
    assert_eq!(task.state, TaskState::Failed);
    assert!(driver.tools_called.is_empty());
}

#[test]
fn a_question_survives_a_restart_with_a_new_deadline_and_is_answered_then() {
    let mut driver = Driver::started(writing(AskPolicy::Write, "web.x", ToolEffects::Writing));
    let before = driver.approvals.values().next().unwrap().clone();
    driver.feed(Input::Resumed);
    let after = driver.approvals.values().next().unwrap().clone();
    assert_eq!((before.id, &before.subject), (after.id, &after.subject));
    assert!(after.deadline_ms > before.deadline_ms);
    driver.decide(Decision::Approved);
    assert_eq!(driver.tools.len(), 1);
}

#[test]
fn an_answer_to_a_stopped_run_counts_when_it_resumes() {
    let mut driver = Driver::started(writing(AskPolicy::Write, "web.x", ToolEffects::Writing));
    driver.feed(Input::Stopped);
    driver.decide(Decision::Approved);
    assert!(driver.tools.is_empty());
    driver.feed(Input::Resumed);
    assert_eq!(driver.tools.len(), 1);
}

#[test]
fn a_second_answer_changes_nothing() {
    let mut driver = Driver::started(writing(AskPolicy::Write, "web.x", ToolEffects::Writing));
    let approval = *driver.approvals.keys().next().unwrap();
    driver.decide(Decision::Denied);
    let record = driver.run.record();
    assert_eq!(driver.feed(Input::Decided { approval, decision: Decision::Approved }), []);
    assert_eq!(driver.run.record().tasks, record.tasks);
}
