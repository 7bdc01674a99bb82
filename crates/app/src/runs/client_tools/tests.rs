//! Calls that go to a client, with a clock that the tests move.

use harmonic_types::ToolEffects;
use serde_json::json;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::*;

const TIME: Duration = Duration::from_mins(1);

fn tools() -> Arc<ClientTools> {
    let spec = ToolSpec {
        name: "fs.read".to_owned(),
        description: String::new(),
        input_schema: json!({"type": "object", "properties": {"path": {"type": "string"}},
            "required": ["path"]}),
        effects: ToolEffects::ReadOnly,
    };
    ClientTools::new(&[spec]).unwrap_or_else(|(_, reason)| panic!("{reason}"))
}

type Calling = tokio::task::JoinHandle<Result<ToolOutput, ToolFailure>>;

fn call(tools: &Arc<ClientTools>, cancel: &CancellationToken) -> Calling {
    let (tools, cancel) = (Arc::clone(tools), cancel.clone());
    let request = request(r#"{"path": "a"}"#, cancel);
    Handle::current().spawn(async move { tools.call(request).await })
}

fn request(arguments: &str, cancel: CancellationToken) -> ToolRequest {
    let (tool, arguments) = ("fs.read".to_owned(), arguments.to_owned());
    ToolRequest { tool, arguments, time: TIME, bytes: 8, cancel }
}

/// The next call that `calls` gives.
async fn given(calls: &mut ToolCalls) -> ToolCallOrder {
    loop {
        match calls.next().await {
            Some(ToolCallEvent::Call(order)) => return order,
            Some(ToolCallEvent::Tools { .. }) => {}
            other => panic!("a call, not {other:?}"),
        }
    }
}

fn returned(text: &str) -> ToolCallOutcome {
    let text = text.to_owned();
    ToolCallOutcome::Returned(ToolOutput { text, is_error: false, bytes_cut: 0 })
}

#[tokio::test(start_paused = true)]
async fn a_call_is_given_once_and_answered_once_within_its_bound() {
    let tools = tools();
    let mut calls = tools.listen(None);
    let calling = call(&tools, &CancellationToken::new());
    let order = given(&mut calls).await;
    assert_eq!((order.tool.as_str(), order.max_bytes, order.time_ms), ("fs.read", 8, 60_000));
    let long = tools.answer(&order.call, returned("123456789")).unwrap_err();
    assert!(matches!(&long, RunsError::Invalid { field, .. } if field == "text"), "{long}");
    tools.answer(&order.call, returned("12345678")).unwrap();
    assert_eq!(calling.await.unwrap().unwrap().text, "12345678");
    let again = tools.answer(&order.call, returned("x")).unwrap_err();
    assert!(matches!(again, RunsError::Conflict { .. }), "{again}");
    let never = tools.answer("call_1_00", returned("x")).unwrap_err();
    assert!(matches!(never, RunsError::NotFound { .. }), "{never}");
}

#[tokio::test(start_paused = true)]
async fn arguments_against_the_schema_reach_no_client() {
    let tools = tools();
    for arguments in ["", "[]", "{}", r#"{"path": 5}"#] {
        let cancel = CancellationToken::new();
        let called = tools.call(request(arguments, cancel)).await;
        assert!(matches!(called, Err(ToolFailure::Refused { .. })), "{called:?}");
    }
    let fault = ClientTools::new(&[ToolSpec {
        name: "a".to_owned(),
        description: String::new(),
        input_schema: json!({"$ref": "http://127.0.0.1:1/schema"}),
        effects: ToolEffects::ReadOnly,
    }]);
    assert_eq!(fault.err().map(|(index, _)| index), Some(0));
}

#[tokio::test(start_paused = true)]
async fn without_a_client_a_call_was_not_made_and_with_one_that_is_gone_it_is_unknown() {
    let tools = tools();
    let none = call(&tools, &CancellationToken::new()).await.unwrap();
    let Err(ToolFailure::Refused { message }) = none else { panic!("{none:?}") };
    assert!(message.contains("is gone") && message.contains("runs resume"), "{message}");

    let mut calls = tools.listen(None);
    let first = call(&tools, &CancellationToken::new());
    given(&mut calls).await;
    drop(calls);
    let second = call(&tools, &CancellationToken::new());
    let first = first.await.unwrap();
    assert!(matches!(first, Err(ToolFailure::Unknown { .. })), "{first:?}");
    let second = second.await.unwrap();
    assert!(matches!(second, Err(ToolFailure::Refused { .. })), "{second:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_comes_back_gets_what_was_not_given_and_may_answer_what_was() {
    let tools = tools();
    let process = || Some("one".to_owned());
    let mut calls = tools.listen(process());
    let first = call(&tools, &CancellationToken::new());
    let had = given(&mut calls).await;
    drop(calls);
    let second = call(&tools, &CancellationToken::new());
    sleep(ABSENCE / 2).await;
    let mut calls = tools.listen(process());
    let got = given(&mut calls).await;
    assert_ne!(had.call, got.call);
    sleep(ABSENCE * 2).await;
    tools.answer(&had.call, returned("one")).unwrap();
    tools.answer(&got.call, returned("two")).unwrap();
    assert_eq!(first.await.unwrap().unwrap().text, "one");
    assert_eq!(second.await.unwrap().unwrap().text, "two");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_answers_is_told_when_its_time_is_over() {
    let tools = tools();
    let mut calls = tools.listen(None);
    let late = call(&tools, &CancellationToken::new());
    let order = given(&mut calls).await;
    assert!(matches!(late.await.unwrap(), Err(ToolFailure::Unknown { .. })));
    let told = calls.next().await;
    assert_eq!(told, Some(ToolCallEvent::Cancelled { call: order.call.clone() }));
    let answer = tools.answer(&order.call, returned("late")).unwrap_err();
    assert!(matches!(answer, RunsError::Conflict { .. }), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_is_unknown_only_where_it_was_given() {
    let tools = tools();
    let cancel = CancellationToken::new();
    let waiting = call(&tools, &cancel);
    tokio::task::yield_now().await;
    cancel.cancel();
    assert_eq!(waiting.await.unwrap(), Err(ToolFailure::Cancelled));
    let mut calls = tools.listen(None);
    let cancel = CancellationToken::new();
    let running = call(&tools, &cancel);
    given(&mut calls).await;
    cancel.cancel();
    assert!(matches!(running.await.unwrap(), Err(ToolFailure::Unknown { .. })));
}

#[tokio::test(start_paused = true)]
async fn the_newest_listener_gets_the_calls_and_the_older_one_is_told() {
    let tools = tools();
    let mut old = tools.listen(None);
    assert!(matches!(old.next().await, Some(ToolCallEvent::Tools { .. })));
    let mut new = tools.listen(None);
    assert!(matches!(new.next().await, Some(ToolCallEvent::Tools { .. })));
    assert_eq!(old.next().await, Some(ToolCallEvent::Replaced));
    assert_eq!(old.next().await, None);
    drop(old);
    assert!(tools.is_connected(), "the older one's end is not the newer one's");
    let calling = call(&tools, &CancellationToken::new());
    let order = given(&mut new).await;
    tools.answer(&order.call, returned("")).unwrap();
    calling.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_another_process_was_given_is_lost_at_once() {
    let tools = tools();
    let mut calls = tools.listen(Some("one".to_owned()));
    let lost = call(&tools, &CancellationToken::new());
    let order = given(&mut calls).await;
    drop(calls);
    let mut calls = tools.listen(Some("two".to_owned()));
    assert!(matches!(calls.next().await, Some(ToolCallEvent::Tools { .. })));
    let begun = Instant::now();
    assert!(matches!(lost.await.unwrap(), Err(ToolFailure::Unknown { .. })));
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert!(tools.answer(&order.call, returned("late")).is_err());
}
