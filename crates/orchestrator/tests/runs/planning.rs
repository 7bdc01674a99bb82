//! Plans: early starts, repair, recipe, answers alone, branches of directors.

use harmonic_orchestrator::{
    AskPolicy, CallPurpose, Decision, Input, Run, RunSpec, SpecError, plan_schema,
};
use harmonic_types::{FinishReason, RunState, TaskGraph, TaskState, ToolCall, ToolEffects};

use crate::support::{Driver, answer, ask, graph, planned, spec, tool};

const PLAN: [&str; 3] = [
    r#"{"mode":"team","tasks":[{"title":"a","kind":"ask","agent":"coder","instruction":"Do a.","after":[]},"#,
    r#"{"title":"b","kind":"ask","agent":"analyst","instruction":"Do b.","after":[0]}"#,
    r#",{"title":"end","kind":"ask","agent":"executive","instruction":"Join.","after":[1,0,1]}]}"#,
];

fn write(driver: &mut Driver, text: &str) {
    let call = driver.call("Plan").call;
    driver.feed(Input::PlanText { call, text: text.to_owned() });
}

#[test]
fn tasks_start_while_the_plan_is_still_being_written() {
    let mut driver = Driver::started(planned(false));
    let plan = driver.call("Plan");
    assert_eq!((plan.purpose, plan.agent.0.as_str()), (CallPurpose::Plan, "executive"));
    write(&mut driver, PLAN[0]);
    assert_eq!(driver.open(), ["Plan", "a"]);
    write(&mut driver, PLAN[1]);
    driver.answer("a", "alpha");
    assert_eq!(driver.open(), ["Plan", "b"]);
    driver.answer("Plan", &PLAN.concat());
    assert_eq!(driver.open(), ["b"], "what has started is not started again");
    driver.answer("b", "beta");
    driver.answer("end", "all");
    assert_eq!(driver.result(), (RunState::Done, Some("all".to_owned())));
    let record = driver.run.record();
    let titles: Vec<_> = record.tasks.iter().map(|task| task.title.as_str()).collect();
    assert_eq!((record.origin.as_str(), titles), ("plan", vec!["Plan", "a", "b", "end"]));
}

#[test]
fn an_invalid_plan_is_repaired_once_and_keeps_the_tasks_that_stay() {
    let mut driver = Driver::started(planned(false));
    write(&mut driver, PLAN[0]);
    driver.answer("a", "alpha");
    let unused = [
        PLAN[0],
        PLAN[1],
        r#",{"title":"end","kind":"ask","agent":"executive","instruction":"Join.","after":[0]}]}"#,
    ];
    driver.answer("Plan", &unused.concat());
    let repair = driver.call("Plan");
    assert_eq!(repair.turn, 1);
    let told = Driver::prompt(&repair);
    assert!(told.contains("tasks[1].after: no later task uses task 1"), "{told}");
    driver.answer("Plan", &PLAN.concat());
    assert_eq!(driver.open(), ["b"], "the result of `a` is kept");
    driver.finish();
    assert_eq!(driver.result().0, RunState::Done);
}

#[test]
fn a_plan_that_stays_invalid_gives_way_to_the_recipe() {
    let mut driver = Driver::started(planned(false));
    write(&mut driver, PLAN[0]);
    let started = driver.call("a").call;
    driver.answer("Plan", "{}");
    driver.answer("Plan", "nonsense");
    assert!(driver.cancelled.contains_key(&started), "tasks of the plan are cancelled");
    assert_eq!(driver.open(), ["fallback"]);
    driver.answer("fallback", "by recipe");
    let record = driver.run.record();
    assert_eq!(record.origin, "recipe:split");
    assert_eq!((record.state, record.answer.as_deref()), (RunState::Done, Some("by recipe")));
    let kept: Vec<_> = record.tasks.iter().map(|task| (task.title.as_str(), task.state)).collect();
    assert_eq!(
        kept,
        [("Plan", TaskState::Failed), ("fallback", TaskState::Done), ("a", TaskState::Skipped)]
    );
}

#[test]
fn the_executive_answers_alone_only_where_it_may() {
    let alone = r#"{"mode":"answer","answer":"Because."}"#;
    let mut driver = Driver::started(planned(true));
    driver.answer("Plan", alone);
    assert_eq!(driver.result(), (RunState::Done, Some("Because.".to_owned())));
    assert_eq!(driver.run.record().origin, "solo");
    let mut driver = Driver::started(planned(false));
    driver.answer("Plan", alone);
    assert!(Driver::prompt(&driver.call("Plan")).contains("the team is to work"));
}

#[test]
fn before_a_plan_is_whole_no_task_starts_that_may_change_something() {
    let mut spec = planned(false);
    spec.tools =
        vec![tool("disk.write", ToolEffects::Writing), tool("disk.read", ToolEffects::ReadOnly)];
    spec.agents.iter_mut().find(|agent| agent.name.0 == "coder").unwrap().tools =
        vec!["disk.write".to_owned()];
    spec.agents.iter_mut().find(|agent| agent.name.0 == "analyst").unwrap().tools =
        vec!["disk.read".to_owned()];
    let mut driver = Driver::started(spec);
    write(&mut driver, PLAN[0]);
    assert_eq!(driver.open(), ["Plan"]);
    let reader =
        r#"{"title":"r","kind":"ask","agent":"analyst","instruction":"Do r.","after":[]},"#;
    write(&mut driver, reader);
    assert_eq!(driver.open(), ["Plan", "r"]);
}

#[test]
fn a_plan_that_is_asked_for_starts_after_a_yes_and_a_no_ends_the_run() {
    for (decision, state) in [
        (Decision::Approved, RunState::Running),
        (
            Decision::Denied,
            RunState::Failed { reason: "the plan is not done: it was denied".to_owned() },
        ),
    ] {
        let mut driver = Driver::started(RunSpec { ask: AskPolicy::Plan, ..planned(false) });
        write(&mut driver, PLAN[0]);
        assert_eq!(driver.open(), ["Plan"]);
        driver.answer("Plan", &PLAN.concat());
        assert_eq!(driver.run.state(), RunState::WaitingForApproval);
        driver.decide(decision);
        assert_eq!(driver.run.state(), state);
    }
}

#[test]
fn a_plan_that_is_lost_with_its_driver_is_written_again_and_done_work_is_kept() {
    let mut driver = Driver::started(planned(false));
    write(&mut driver, PLAN[0]);
    driver.answer("a", "alpha");
    driver.feed(Input::Resumed);
    assert_eq!(driver.open(), ["Plan"]);
    write(&mut driver, &PLAN[..2].concat());
    assert_eq!(driver.open(), ["Plan", "b"]);
    driver.answer("Plan", &PLAN.concat());
    driver.finish();
    assert_eq!(driver.offered.iter().filter(|call| call.title == "a").count(), 1);
    assert_eq!(driver.result().0, RunState::Done);
}

fn directed() -> Driver {
    let plan = r#"{"mode":"team","tasks":[{"title":"lead","kind":"ask","agent":"technical_director","instruction":"Lead.","after":[]}]}"#;
    let mut driver = Driver::started(planned(false));
    driver.answer("Plan", plan);
    driver
}

fn split(driver: &mut Driver, tasks: &str) {
    let call = driver.call("lead");
    let mut turn = answer(&call, "");
    turn.finish = FinishReason::ToolCalls;
    turn.tool_calls = vec![ToolCall {
        id: "c1".to_owned(),
        name: "team.split".to_owned(),
        arguments: format!(r#"{{"tasks":{tasks}}}"#),
    }];
    driver.feed(Input::Answered { call: call.call, answer: turn });
}

#[test]
fn a_director_divides_its_task_once_and_takes_the_result_of_its_branch() {
    let mut driver = directed();
    assert!(driver.call("lead").tools.iter().any(|tool| tool.name == "team_split"));
    split(
        &mut driver,
        r#"[{"title":"x","kind":"ask","agent":"coder","instruction":"Do x.","after":[]},
            {"title":"y","kind":"ask","agent":"research_director","instruction":"Do y.","after":[0]}]"#,
    );
    assert_eq!(driver.open(), ["x"]);
    driver.answer("x", "xi");
    assert!(Driver::prompt(&driver.call("y")).contains("<<<artifact 1.1 \"x\""));
    assert!(driver.call("y").tools.is_empty(), "a branch has no branches");
    driver.answer("y", "ypsilon");
    assert_eq!(driver.result(), (RunState::Done, Some("ypsilon".to_owned())));
}

#[test]
fn an_invalid_branch_is_explained_and_a_failed_one_leaves_the_director_to_answer() {
    let mut driver = directed();
    split(
        &mut driver,
        r#"[{"title":"x","kind":"ask","agent":"codr","instruction":"Do x.","after":[]}]"#,
    );
    let told = Driver::prompt(&driver.call("lead"));
    assert!(told.contains("did you mean `coder`?"), "{told}");
    split(
        &mut driver,
        r#"[{"title":"x","kind":"ask","agent":"coder","instruction":"Do x.","after":[]}]"#,
    );
    driver.fail("x", harmonic_orchestrator::CallFailure::Refused { message: "no".to_owned() });
    let told = Driver::prompt(&driver.call("lead"));
    assert!(told.contains("The branch has failed: no"), "{told}");
    driver.answer("lead", "alone");
    assert_eq!(driver.result().1.as_deref(), Some("alone"));
}

#[test]
fn a_graph_of_a_file_is_refused_at_the_door_with_task_field_and_remedy() {
    let wrong = graph([ask("a", "codr", &[]), ask("b", "analyst", &[1])]);
    let error = Run::new(spec(wrong)).unwrap_err();
    assert!(matches!(error, SpecError::Graph { .. }));
    insta::assert_snapshot!(error, @"
    graph: tasks[0].agent: unknown agent `codr` (did you mean `coder`?): expected one of executive, operator, technical_director, research_director, creative_director, coder, analyst
    tasks[1].after: task 1 names itself: name earlier tasks only
    ");
}

#[test]
fn a_plan_has_no_more_tasks_than_places_budget_and_context_bear() {
    let tasks = |spec: &RunSpec| {
        plan_schema(spec)["properties"]["tasks"]["prefixItems"].as_array().unwrap().len()
    };
    let mut spec = planned(false);
    assert_eq!(tasks(&spec), 9, "twice the places and one");
    spec.places = 100;
    let by_context = tasks(&spec);
    assert!((10..16).contains(&by_context), "{by_context}");
    spec.limits.tasks = u32::try_from(by_context).unwrap() - 1;
    assert_eq!(tasks(&spec), by_context - 1);
    spec.budget.tokens = Some(3_000);
    assert!(tasks(&spec) < 6);
    spec.budget.tokens = None;
    spec.agents[0].context = 1_000;
    assert!(tasks(&spec) < 9);
    assert_eq!(TaskGraph::SCHEMA, "harmonic.task-graph/1");
}
