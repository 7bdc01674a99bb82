//! The headers by which a request says from inside of which run it comes, and which token tools know.

use std::sync::Arc;

use harmonic_api::Client;
use harmonic_api::runs::CreateRun;
use harmonic_gateway::Config;
use harmonic_types::RunToken;
use serde_json::{Value, json};

use crate::fake_runs::FakeRuns;
use crate::scripted_engine::{Script, ScriptedEngine, within};
use crate::test_server::{TestServer, body, models};

pub fn token() -> RunToken {
    RunToken::of([0x5e; RunToken::BYTES])
}

#[tokio::test]
async fn runs_and_requests_of_every_dialect_carry_the_token_to_those_who_look_for_the_run() {
    let engine = ScriptedEngine::new(Script::Emit(Vec::new()));
    let runs = Arc::new(FakeRuns::default());
    let models = models(&engine).with_runs(Arc::clone(&runs) as _);
    let server = TestServer::with_models(models, Config::default()).await;
    let client = Client::new(&server.url).expect("a client");
    let goal = CreateRun { goal: "write a poem".to_owned(), ..CreateRun::default() };
    within(client.create_run(&goal)).await.expect("a run");
    within(client.clone().within(&token()).create_run(&goal)).await.expect("a run");
    let asked = runs.asked.lock().expect("no panic").clone();
    assert_eq!([&asked[0].within, &asked[1].within], [&None, &Some(token())]);

    let message = json!([{"role": "user", "content": "hi"}]);
    for (path, body) in [
        ("/v1/chat/completions", body(&json!({}))),
        ("/v1/responses", json!({"model": "coder", "input": "hi"}).to_string()),
        (
            "/v1/messages",
            json!({"model": "coder", "max_tokens": 9, "messages": message}).to_string(),
        ),
        ("/api/chat", json!({"model": "coder", "messages": message}).to_string()),
    ] {
        engine.seen.send_replace(None);
        let request = server.http.post(format!("{}{path}", server.url)).body(body);
        let request = request.header(RunToken::HEADER, token().as_str());
        // The engine ends without an answer.
        within(request.send()).await.expect("an answer");
        assert_eq!(engine.submitted().await.within, Some(token()), "{path}");
    }
}

#[tokio::test]
async fn a_header_of_another_form_is_refused_and_not_repeated() {
    let engine = ScriptedEngine::new(Script::Emit(Vec::new()));
    let runs = Arc::new(FakeRuns::default());
    let models = models(&engine).with_runs(Arc::clone(&runs) as _);
    let server = TestServer::with_models(models, Config::default()).await;
    let token = token();
    let forms: [&[&[u8]]; 6] = [
        &[b""],
        &[b"s3cret"],
        &[b"hrt_s3cret"],
        &[b"\xff\xfe s3cret"],
        &[token.as_str().as_bytes(), token.as_str().as_bytes()],
        &[token.as_str().as_bytes(), b"s3cret"],
    ];
    for values in forms {
        for (path, body) in
            [("/runs", r#"{"goal": "x"}"#.to_owned()), ("/v1/chat/completions", body(&json!({})))]
        {
            let mut request = server.http.post(format!("{}{path}", server.url)).body(body);
            for value in values {
                request = request.header(RunToken::HEADER, *value);
            }
            let response = within(request.send()).await.expect("an answer");
            assert_eq!(response.status(), 400, "{path} {values:?}");
            let error: Value = within(response.json()).await.expect("JSON");
            assert_eq!(error["error"]["code"], "invalid_run_token");
            let message = error["error"]["message"].as_str().expect("a message");
            assert!(message.contains("HARMONIC_RUN") && !message.contains("s3cret"), "{message}");
        }
    }
    for values in forms {
        let path = "/runs/run_01JABCDEFGHJKMNPQRSTVWXYZ0/tool-calls";
        let request = server.http.get(format!("{}{path}", server.url));
        let request = values
            .iter()
            .fold(request, |request, value| request.header(RunToken::OFFERED_HEADER, *value));
        let response = within(request.send()).await.expect("an answer");
        assert_eq!(response.status(), 400, "{values:?}");
        let error: Value = within(response.json()).await.expect("JSON");
        assert_eq!(error["error"]["code"], "invalid_run_token");
        let message = error["error"]["message"].as_str().expect("a message");
        let is_named = message.contains(RunToken::OFFERED_HEADER);
        assert!(is_named && !message.contains("s3cret"), "{message}");
    }
    assert_eq!(runs.offered.lock().expect("no panic").len(), 0);
    assert_eq!(runs.asked.lock().expect("no panic").len(), 0);
    assert!(engine.seen.borrow().is_none());
}
