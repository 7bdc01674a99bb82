//! How tasks are done: order, votes, checks, retries, the end.

use harmonic_orchestrator::{CallFailure, CallPurpose, Input};
use harmonic_types::{FinishReason, RunState, SpanKind, TaskSpan, TaskState};

use crate::support::{Driver, answer, ask, check, graph, spec, vote};

#[test]
fn tasks_start_when_their_inputs_are_there_and_the_last_one_is_the_answer() {
    let tasks =
        [ask("a", "coder", &[]), ask("b", "analyst", &[]), ask("join", "executive", &[0, 1])];
    let mut driver = Driver::started(spec(graph(tasks)));
    assert_eq!(driver.open(), ["a", "b"]);
    driver.answer("b", "beta");
    assert_eq!(driver.open(), ["a"]);
    driver.answer("a", "alpha");
    let join = Driver::prompt(&driver.call("join"));
    let (alpha, beta) = (join.find("alpha").unwrap(), join.find("beta").unwrap());
    assert!(alpha < beta, "artifacts stand in the order of the graph: {join}");
    driver.answer("join", "both");
    assert_eq!(driver.result(), (RunState::Done, Some("both".to_owned())));
    let record = driver.run.record();
    let states: Vec<_> =
        record.tasks.iter().map(|task| (task.title.as_str(), task.state)).collect();
    let done = TaskState::Done;
    assert_eq!(states, [("a", done), ("b", done), ("join", done)]);
    assert_eq!(record.origin, "file");
}

#[test]
fn only_texts_that_nothing_but_their_length_ends_go_on_past_the_end_of_turn() {
    let tasks = [
        ask("a", "coder", &[]),
        vote("v", 2, Some("executive")),
        check("c", 0, 1, &[0]),
        ask("join", "executive", &[0, 1, 2]),
    ];
    let spec = harmonic_orchestrator::RunSpec { ignore_eos: true, ..spec(graph(tasks)) };
    let mut driver = Driver::started(spec);
    while let Some(call) = driver.calls.values().next().cloned() {
        let is_verdict = call.json_schema.is_some();
        assert_eq!(call.ignore_eos, !is_verdict, "{}: {:?}", call.title, call.purpose);
        let text = match call.purpose {
            CallPurpose::Check => r#"{"reasons": "fine", "accept": true}"#.to_owned(),
            CallPurpose::Judge => r#"{"choice": 1}"#.to_owned(),
            _ => format!("text {}", call.call.0),
        };
        let answer = answer(&call, &text);
        driver.feed(Input::Answered { call: call.call, answer });
    }
    assert!(driver.offered.iter().any(|call| call.json_schema.is_some()));
    assert_eq!(driver.result().0, RunState::Done);
}

#[test]
fn the_last_task_makes_do_with_what_is_there_and_says_what_is_missing() {
    let tasks =
        [ask("a", "coder", &[]), ask("b", "analyst", &[]), ask("join", "executive", &[0, 1])];
    let mut driver = Driver::started(spec(graph(tasks)));
    driver.fail("a", CallFailure::Refused { message: "no".to_owned() });
    driver.answer("b", "beta");
    assert!(
        Driver::prompt(&driver.call("join")).contains("missing, and your answer must say so: a.")
    );
    driver.answer("join", "half");
    let (state, answer) = driver.result();
    assert_eq!(state, RunState::Partial { reason: "`a` is missing: no".to_owned() });
    assert_eq!(answer.as_deref(), Some("half"));
}

#[test]
fn without_its_last_task_a_run_answers_with_the_artifacts_that_nothing_was_made_of() {
    let tasks = [ask("a", "coder", &[]), ask("b", "analyst", &[0]), ask("join", "executive", &[1])];
    let mut driver = Driver::started(spec(graph(tasks)));
    driver.answer("a", "alpha");
    driver.answer("b", "beta");
    driver.fail("join", CallFailure::Refused { message: "the engine died".to_owned() });
    let (state, answer) = driver.result();
    assert_eq!(state, RunState::Partial { reason: "`join`: the engine died".to_owned() });
    assert_eq!(answer.as_deref(), Some("## b\n\nbeta"));
}

#[test]
fn a_chain_that_breaks_fails_and_names_the_cause() {
    let tasks = [ask("a", "coder", &[]), ask("b", "analyst", &[0])];
    let mut driver = Driver::started(spec(graph(tasks)));
    driver.fail("a", CallFailure::Refused { message: "no".to_owned() });
    let (state, answer) = driver.result();
    let reason = "`b`: its inputs are missing: a (no)".to_owned();
    assert_eq!(state, RunState::Failed { reason });
    assert_eq!(answer, None);
}

#[test]
fn a_call_waits_for_an_engine_that_restarts_and_gives_up_at_the_limit() {
    let mut spec = spec(graph([ask("a", "coder", &[])]));
    spec.limits.retries = 2;
    let mut driver = Driver::started(spec);
    let restarting = CallFailure::Restarting { retry_after_ms: 5_000 };
    let first = driver.call("a");
    driver.fail("a", restarting.clone());
    assert_eq!(driver.timers.values().copied().collect::<Vec<_>>(), [driver.now + 5_000]);
    driver.fire();
    let second = driver.call("a");
    assert_eq!((&first.messages, first.seed), (&second.messages, second.seed));
    driver.fail("a", restarting.clone());
    driver.fire();
    driver.fail("a", restarting);
    let reason = "`a`: its engine kept restarting, 2 times".to_owned();
    assert_eq!(driver.result().0, RunState::Failed { reason });
}

#[test]
fn a_stalled_call_is_repeated_once_with_another_seed() {
    let mut driver = Driver::started(spec(graph([ask("a", "coder", &[])])));
    let seed = driver.call("a").seed;
    driver.fail("a", CallFailure::Stalled);
    assert_ne!(driver.call("a").seed, seed);
    driver.fail("a", CallFailure::Stalled);
    let reason = "`a`: no token came within the time".to_owned();
    assert_eq!(driver.result().0, RunState::Failed { reason });
}

#[test]
fn an_answer_that_the_budget_cut_has_more_room_once_and_is_then_taken_as_it_is() {
    let mut spec = spec(graph([ask("a", "coder", &[]), ask("b", "coder", &[0])]));
    spec.budget.tokens = Some(6_000);
    let mut driver = Driver::started(spec);
    let mut given = Vec::new();
    for _ in 0..2 {
        let call = driver.call("a");
        given.push(call.max_tokens);
        let mut answer = answer(&call, "cut");
        answer.finish = FinishReason::Length;
        answer.usage.completion_tokens = 100;
        driver.feed(Input::Answered { call: call.call, answer });
    }
    assert!(given[1] > given[0], "{given:?}");
    assert_eq!(driver.open(), ["b"]);
    driver.answer("b", "end");
    assert!(
        matches!(driver.result().0, RunState::Partial { reason } if reason.contains("`a` was cut"))
    );
}

#[test]
fn an_answer_that_reached_the_tasks_own_bound_is_whole() {
    let mut task = ask("a", "coder", &[]);
    task.max_tokens = Some(50);
    let mut driver = Driver::started(spec(graph([task])));
    let call = driver.call("a");
    assert_eq!(call.max_tokens, 50);
    let mut cut = answer(&call, "fifty");
    cut.finish = FinishReason::Length;
    driver.feed(Input::Answered { call: call.call, answer: cut });
    assert_eq!(driver.result(), (RunState::Done, Some("fifty".to_owned())));
}

#[test]
fn a_vote_takes_the_most_frequent_answer_of_several_seeds() {
    let mut driver = Driver::started(spec(graph([vote("v", 3, None)])));
    let calls: Vec<_> = driver.calls.values().cloned().collect();
    let seeds: std::collections::BTreeSet<u64> = calls.iter().map(|call| call.seed).collect();
    assert_eq!((calls.len(), seeds.len()), (3, 3));
    for (call, text) in calls.iter().zip(["Answer: 1", "So\nAnswer: 2.", "**Answer:** 2"]) {
        driver.feed(Input::Answered { call: call.call, answer: answer(call, text) });
    }
    assert_eq!(driver.result(), (RunState::Done, Some("So\nAnswer: 2.".to_owned())));
    assert!(driver.notes.contains(&"`v`: 2 of 3 answers agree".to_owned()));
}

#[test]
fn a_judge_chooses_where_no_two_answers_agree() {
    let mut driver = Driver::started(spec(graph([vote("v", 2, Some("executive"))])));
    driver.answer("v", "Answer: 1");
    driver.answer("v", "Answer: 2");
    let judge = driver.call("v");
    assert_eq!(judge.agent.0, "executive");
    let schema = judge.json_schema.clone().unwrap();
    assert!(schema.contains(r#""enum":[1,2]"#), "{schema}");
    driver.answer("v", r#"{"choice":2}"#);
    assert_eq!(driver.result(), (RunState::Done, Some("Answer: 2".to_owned())));
}

#[test]
fn a_check_sends_work_back_at_most_as_often_as_its_rounds_and_readers_wait_for_it() {
    let tasks =
        [ask("write", "coder", &[]), check("check", 0, 1, &[0]), ask("join", "executive", &[0, 1])];
    let mut driver = Driver::started(spec(graph(tasks)));
    driver.answer("write", "first");
    assert_eq!(driver.open(), ["check"]);
    driver.answer("check", r#"{"reasons":"too short","accept":false}"#);
    let again = driver.call("write");
    assert!(
        Driver::prompt(&again).contains("first") && Driver::prompt(&again).contains("too short")
    );
    driver.answer("write", "second");
    driver.answer("check", r#"{"reasons":"still too short","accept":false}"#);
    assert!(Driver::prompt(&driver.call("join")).contains("second"));
    driver.answer("join", "end");
    let reason = "`check` does not hold: still too short".to_owned();
    assert_eq!(driver.result(), (RunState::Partial { reason }, Some("end".to_owned())));
}

#[test]
fn what_was_made_of_work_that_is_sent_back_is_made_anew() {
    let tasks =
        [ask("code", "coder", &[]), ask("trial", "analyst", &[0]), check("review", 0, 2, &[0, 1])];
    let mut driver = Driver::started(spec(graph(tasks)));
    driver.answer("code", "bad");
    driver.answer("trial", "fails");
    driver.answer("review", r#"{"reasons":"it fails","accept":false}"#);
    assert_eq!(driver.open(), ["code"]);
    driver.answer("code", "good");
    driver.answer("trial", "passes");
    driver.answer("review", r#"{"reasons":"","accept":true}"#);
    assert_eq!(driver.result(), (RunState::Done, Some("good".to_owned())));
}

#[test]
fn a_verdict_that_cannot_be_read_is_asked_for_once_more_and_then_the_text_counts_as_unchecked() {
    let tasks = [ask("write", "coder", &[]), check("check", 0, 1, &[0])];
    let mut driver = Driver::started(spec(graph(tasks)));
    driver.answer("write", "text");
    driver.answer("check", "well");
    driver.answer("check", "well");
    let (state, answer) = driver.result();
    assert_eq!(answer.as_deref(), Some("text"));
    assert!(
        matches!(state, RunState::Partial { reason } if reason.contains("`check` was not done"))
    );
}

#[test]
fn long_artifacts_are_shortened_by_the_operator_and_siblings_read_the_same_text() {
    let tasks = [
        ask("long", "coder", &[]),
        ask("a", "analyst", &[0]),
        ask("b", "research_director", &[0]),
        ask("join", "executive", &[1, 2]),
    ];
    let mut driver = Driver::started(spec(graph(tasks)));
    let call = driver.call("long");
    let mut long = answer(&call, &"word ".repeat(9_000));
    long.usage.completion_tokens = 9_000;
    driver.feed(Input::Answered { call: call.call, answer: long });
    let parts: Vec<_> = driver.calls.values().cloned().collect();
    assert!(parts.len() > 1 && parts.iter().all(|part| part.agent.0 == "operator"), "{parts:?}");
    for part in &parts {
        driver.feed(Input::Answered { call: part.call, answer: answer(part, "short") });
    }
    let mut open = driver.open();
    open.sort_unstable();
    assert_eq!(open, ["a", "b"]);
    let prompts = ["a", "b"].map(|title| Driver::prompt(&driver.call(title)));
    assert!(prompts[0].contains("\"long\", shortened from 9000 tokens"), "{}", prompts[0]);
    let shared = |prompt: &String| prompt.split("Your role:").next().unwrap().to_owned();
    assert_eq!(shared(&prompts[0]), shared(&prompts[1]));
    driver.finish();
    assert_eq!(driver.result().0, RunState::Done);
}

#[test]
fn a_stopped_run_cancels_its_calls_and_offers_them_anew_when_it_resumes() {
    let tasks =
        [ask("a", "coder", &[]), ask("b", "analyst", &[]), ask("join", "executive", &[0, 1])];
    let mut driver = Driver::started(spec(graph(tasks)));
    driver.answer("a", "alpha");
    let before = driver.call("b");
    driver.feed(Input::Stopped);
    assert_eq!((driver.run.state(), driver.open().len()), (RunState::Stopped, 0));
    driver.feed(Input::Resumed);
    let after = driver.call("b");
    assert_eq!((&before.messages, before.seed), (&after.messages, after.seed));
    driver.answer("b", "beta");
    driver.answer("join", "both");
    assert_eq!(driver.result(), (RunState::Done, Some("both".to_owned())));
}

#[test]
fn a_cancelled_run_ends_and_an_ended_one_only_books_what_is_reported() {
    let mut driver = Driver::started(spec(graph([ask("a", "coder", &[])])));
    let call = driver.call("a");
    driver.feed(Input::Cancelled { reason: "the user left".to_owned() });
    let reason = "cancelled: the user left".to_owned();
    assert_eq!(driver.result().0, RunState::Failed { reason });
    let before = driver.run.record().spent.tokens();
    let actions = driver.feed(Input::Answered { call: call.call, answer: answer(&call, "late") });
    assert_eq!(actions, []);
    assert!(driver.run.record().spent.tokens() > before);
    assert_eq!(driver.feed(Input::Resumed), []);
    assert_eq!(driver.feed(Input::Started), []);
}

#[test]
fn the_record_sums_times_and_tokens_of_each_task() {
    let mut driver = Driver::started(spec(graph([ask("a", "coder", &[])])));
    let call = driver.call("a");
    let mut timed = answer(&call, "x");
    let span = |kind, from_ms, to_ms| TaskSpan { kind, from_ms, to_ms, slot: Some(1) };
    timed.spans = vec![span(SpanKind::Decode, 15, 20), span(SpanKind::Prefill, 12, 15)];
    driver.feed(Input::Answered { call: call.call, answer: timed });
    let record = driver.run.record();
    let task = &record.tasks[0];
    assert_eq!((task.spent.time_ms, task.busy_ms(), task.spent.output_tokens), (8, 8, 16));
    assert_eq!(task.spans[0].kind, SpanKind::Prefill);
    assert_eq!(record.spent.joules.map(|joules| joules.0), Some(1.0));
}

#[test]
fn a_record_of_a_moment_has_the_time_until_then_while_the_run_spends_any() {
    let mut driver = Driver::started(spec(graph([ask("a", "coder", &[])])));
    let time = |driver: &Driver, later| driver.run.record_at(driver.now + later).spent.time_ms;
    let before = driver.run.record().spent.time_ms;
    assert_eq!([0, 300_000].map(|later| time(&driver, later)), [before, before + 300_000]);
    assert_eq!(driver.run.record().spent.time_ms, before, "nothing is booked");
    driver.feed(Input::Stopped);
    let stopped = driver.run.record().spent.time_ms;
    assert_eq!(time(&driver, 300_000), stopped);
    driver.feed(Input::Resumed);
    driver.answer("a", "alpha");
    let ended = driver.run.record().spent.time_ms;
    assert_eq!(time(&driver, 300_000), ended);
}
