//! Calls of tools: turns, repetitions, intents without a result.

use harmonic_orchestrator::{Input, RunSpec, ToolFailure};
use harmonic_types::{
    FinishReason, RunState, TaskState, ToolCall, ToolEffects, ToolOutput, ToolSpec,
};

use crate::support::{Driver, answer, ask, graph, returned, spec, tool, tool_task};

/// A run of one task whose agent has `tools`.
fn with_tools(tools: Vec<ToolSpec>) -> RunSpec {
    let mut spec = spec(graph([ask("a", "coder", &[])]));
    let coder = spec.agents.iter_mut().find(|agent| agent.name.0 == "coder").unwrap();
    coder.tools = tools.iter().map(|tool| tool.name.clone()).collect();
    spec.tools = tools;
    spec
}

fn calling(driver: &mut Driver, name: &str, arguments: &str) {
    let call = driver.call("a");
    let mut turn = answer(&call, "");
    turn.finish = FinishReason::ToolCalls;
    let id = format!("t{}", call.turn);
    turn.tool_calls = vec![ToolCall { id, name: name.to_owned(), arguments: arguments.to_owned() }];
    driver.feed(Input::Answered { call: call.call, answer: turn });
}

fn returns(driver: &mut Driver, text: &str) {
    let call = *driver.tools.keys().next().expect("a tool is called");
    driver.feed(Input::ToolIntended { call });
    driver.feed(Input::ToolReturned { call, result: returned(text) });
}

#[test]
fn an_agent_reads_what_its_tools_return_in_the_next_turn() {
    let mut driver = Driver::started(with_tools(vec![tool("web.read", ToolEffects::ReadOnly)]));
    calling(&mut driver, "web.read", r#"{"title":"x"}"#);
    assert_eq!(driver.tools.len(), 1);
    returns(&mut driver, "page");
    let turn = driver.call("a");
    assert_eq!((turn.turn, turn.messages.len()), (1, 4));
    assert_eq!(Driver::prompt(&turn), "page");
    assert_eq!(turn.messages[3].tool_call_id.as_deref(), Some("t0"));
    driver.answer("a", "done");
    assert_eq!(driver.result(), (RunState::Done, Some("done".to_owned())));
}

#[test]
fn a_model_sees_a_name_without_dots_and_its_call_reaches_the_tool() {
    let tools = ["web.read", "web_read"].map(|name| tool(name, ToolEffects::ReadOnly));
    let mut driver = Driver::started(with_tools(tools.into()));
    let shown = driver.call("a").tools;
    let names: Vec<&str> = shown.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["web_read", "web_read_2"]);
    calling(&mut driver, "web_read_2", r#"{"title":"x"}"#);
    assert_eq!(driver.tools.values().next().unwrap().tool, "web_read");
    returns(&mut driver, "second");
    let turn = driver.call("a");
    assert_eq!(turn.messages[2].tool_calls[0].name, "web_read_2", "as the model said it");
    calling(&mut driver, "web_read", r#"{"title":"x"}"#);
    assert_eq!(driver.tools.values().next().unwrap().tool, "web.read");
}

#[test]
fn the_same_call_is_answered_from_the_first_and_the_third_ends_the_task() {
    let mut driver = Driver::started(with_tools(vec![tool("web.read", ToolEffects::ReadOnly)]));
    calling(&mut driver, "web.read", r#"{"title":"x","n":1}"#);
    returns(&mut driver, "page");
    calling(&mut driver, "web.read", r#"{"n":1, "title":"x"}"#);
    assert!(driver.tools.is_empty(), "it is not called again");
    let told = Driver::prompt(&driver.call("a"));
    assert!(told.contains("called before") && told.contains("page"), "{told}");
    calling(&mut driver, "web.read", r#"{"title":"x","n":1}"#);
    let (state, answer) = driver.result();
    assert!(matches!(state, RunState::Partial { .. }));
    assert_eq!(answer.as_deref(), Some("page"));
    assert_eq!(driver.tools_called.len(), 1);
}

#[test]
fn unknown_tools_and_failures_are_told_to_the_agent() {
    let mut driver = Driver::started(with_tools(vec![tool("web.read", ToolEffects::ReadOnly)]));
    calling(&mut driver, "web.write", "{}");
    let told = Driver::prompt(&driver.call("a"));
    assert_eq!(told, "Error: unknown tool `web.write`: expected one of web_read");
    calling(&mut driver, "web.read", "{");
    let call = *driver.tools.keys().next().unwrap();
    let message = "invalid arguments".to_owned();
    driver.feed(Input::ToolFailed { call, failure: ToolFailure::Refused { message } });
    assert_eq!(Driver::prompt(&driver.call("a")), "Error: invalid arguments");
}

#[test]
fn after_its_last_turn_an_agent_has_no_tools() {
    let mut spec = with_tools(vec![tool("web.read", ToolEffects::ReadOnly)]);
    spec.limits.tool_turns = 2;
    let mut driver = Driver::started(spec);
    calling(&mut driver, "web.read", "{}");
    returns(&mut driver, "page");
    let last = driver.call("a");
    assert!(last.tools.is_empty());
    assert!(Driver::prompt(&last).starts_with("No more tools"));
}

#[test]
fn results_beyond_the_room_are_cut_with_a_note() {
    let mut driver = Driver::started(with_tools(vec![tool("web.read", ToolEffects::ReadOnly)]));
    calling(&mut driver, "web.read", "{}");
    let call = *driver.tools.keys().next().unwrap();
    let output = ToolOutput { text: "x".repeat(200_000), is_error: false, bytes_cut: 5 };
    let result = harmonic_orchestrator::ToolCallResult { output, tokens: None, spans: Vec::new() };
    driver.feed(Input::ToolReturned { call, result });
    let turn = driver.call("a");
    let told = Driver::prompt(&turn);
    assert!(
        told.contains("of 200028 characters: the rest did not fit"),
        "{}",
        &told[told.len() - 90..]
    );
    assert!(turn.prompt_tokens < 16_384);
}

#[test]
fn an_intent_without_a_result_is_repeated_only_where_that_changes_nothing() {
    for (effects, is_repeated) in [
        (ToolEffects::ReadOnly, true),
        (ToolEffects::Idempotent, true),
        (ToolEffects::Writing, false),
        (ToolEffects::Running, false),
    ] {
        let mut spec = spec(graph([tool_task("t", "workspace.do", &[])]));
        spec.tools = vec![tool("workspace.do", effects)];
        spec.ask = harmonic_orchestrator::AskPolicy::Write;
        let mut driver = Driver::started(spec);
        if !driver.approvals.is_empty() {
            driver.decide(harmonic_orchestrator::Decision::Approved);
        }
        let call = *driver.tools.keys().next().unwrap();
        driver.feed(Input::ToolIntended { call });
        driver.feed(Input::Resumed);
        assert_eq!(driver.tools.len(), usize::from(is_repeated), "{effects:?}");
        assert_eq!(driver.approvals.len(), usize::from(!is_repeated), "{effects:?}");
    }
}

#[test]
fn a_call_that_was_not_intended_is_made_after_a_crash_without_a_question() {
    let mut spec = spec(graph([tool_task("t", "workspace.write", &[])]));
    spec.tools = vec![tool("workspace.write", ToolEffects::Writing)];
    spec.ask = harmonic_orchestrator::AskPolicy::Never;
    let mut driver = Driver::started(spec);
    driver.feed(Input::Resumed);
    returns(&mut driver, "written");
    assert_eq!(driver.result(), (RunState::Done, Some("written".to_owned())));
}

#[test]
fn a_result_that_comes_after_all_answers_the_question_whether_to_repeat() {
    let mut spec = spec(graph([tool_task("t", "workspace.write", &[])]));
    spec.tools = vec![tool("workspace.write", ToolEffects::Writing)];
    let mut driver = Driver::started(spec);
    driver.decide(harmonic_orchestrator::Decision::Approved);
    let call = *driver.tools.keys().next().unwrap();
    driver.feed(Input::ToolIntended { call });
    let message = "the server died".to_owned();
    driver.feed(Input::ToolFailed { call, failure: ToolFailure::Unknown { message } });
    assert_eq!(driver.approvals.len(), 1);
    driver.feed(Input::ToolReturned { call, result: returned("written") });
    assert_eq!(driver.result(), (RunState::Done, Some("written".to_owned())));
}

#[test]
fn a_tool_of_the_graph_that_fails_fails_its_task() {
    let mut spec = spec(graph([tool_task("t", "web.read", &[]), ask("end", "coder", &[0])]));
    spec.tools = vec![tool("web.read", ToolEffects::ReadOnly)];
    let mut driver = Driver::started(spec);
    let call = *driver.tools.keys().next().unwrap();
    let output = ToolOutput { text: "404".to_owned(), is_error: true, bytes_cut: 0 };
    let result = harmonic_orchestrator::ToolCallResult { output, tokens: None, spans: Vec::new() };
    driver.feed(Input::ToolReturned { call, result });
    let record = driver.run.record();
    assert_eq!(record.tasks[0].state, TaskState::Failed);
    assert!(matches!(record.state, RunState::Failed { .. }));
}
