//! Metrics for Prometheus.

use std::collections::BTreeSet;

use harmonic_types::{Event, Rejection};
use serde_json::json;

use crate::scripted_engine::{Script, ScriptedEngine, answer, text};
use crate::test_server::{TestServer, body};

/// Sends one request, streamed and not, and returns the metrics after it.
async fn metrics_after(script: Script) -> String {
    let server = TestServer::new(&ScriptedEngine::new(script)).await;
    for stream in [false, true] {
        let response = server.post(body(&json!({"stream": stream}))).await;
        response.text().await.expect("a body");
    }
    server.get("/nowhere").await;
    server.get("/metrics").await.text().await.expect("text")
}

/// Lines of `figures` that begin with `name`.
fn lines<'a>(figures: &'a str, name: &str) -> Vec<&'a str> {
    figures.lines().filter(|line| line.starts_with(name)).collect()
}

#[tokio::test]
async fn names_and_types_are_a_contract() {
    let figures = metrics_after(Script::Emit(answer())).await;
    let types: Vec<&str> = lines(&figures, "# TYPE");
    insta::assert_snapshot!(types.join("\n"), @r#"
    # TYPE gen_ai_server_request_duration_seconds histogram
    # TYPE harmonic_request_queue_time_seconds histogram
    # TYPE gen_ai_server_time_to_first_token_seconds histogram
    # TYPE gen_ai_server_time_per_output_token_seconds histogram
    # TYPE harmonic_requests counter
    # TYPE harmonic_prompt_tokens counter
    # TYPE harmonic_prompt_tokens_cached counter
    # TYPE harmonic_generation_tokens counter
    # TYPE harmonic_slots gauge
    # TYPE harmonic_num_requests_running gauge
    # TYPE harmonic_num_requests_borrowing gauge
    # TYPE harmonic_num_requests_parked gauge
    # TYPE harmonic_num_requests_waiting gauge
    # TYPE harmonic_engine_ready gauge
    # TYPE harmonic_engine_sequences gauge
    # TYPE harmonic_http_responses counter
    "#);
    assert!(figures.ends_with("# EOF\n"), "{figures}");
    let names: BTreeSet<&str> = figures
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    for name in names {
        let base = types.iter().filter_map(|line| line.split(' ').nth(2));
        assert!(base.into_iter().any(|base| name.starts_with(base)), "{name} has no type");
    }
}

#[tokio::test]
async fn answers_are_counted_with_their_tokens() {
    let figures = metrics_after(Script::Emit(answer())).await;
    for (line, why) in [
        (r#"harmonic_requests_total{gen_ai_request_model="coder",outcome="stop"} 2"#, "both"),
        (r#"harmonic_prompt_tokens_total{gen_ai_request_model="coder"} 14"#, "7 each"),
        (r#"harmonic_prompt_tokens_cached_total{gen_ai_request_model="coder"} 4"#, "2 each"),
        (r#"harmonic_generation_tokens_total{gen_ai_request_model="coder"} 6"#, "3 each"),
        (
            r#"gen_ai_server_request_duration_seconds_count{gen_ai_request_model="coder"} 2"#,
            "both took time",
        ),
        (
            r#"gen_ai_server_time_to_first_token_seconds_count{gen_ai_request_model="coder"} 2"#,
            "both had a first token",
        ),
        (
            r#"gen_ai_server_time_per_output_token_seconds_count{gen_ai_request_model="coder"} 2"#,
            "and more",
        ),
        (
            r#"harmonic_request_queue_time_seconds_sum{gen_ai_request_model="coder"} 0.024"#,
            "12 ms each",
        ),
        (
            r#"harmonic_num_requests_waiting{engine="small",agent="coder"} 5"#,
            "from the engine's status",
        ),
        (
            r#"harmonic_num_requests_running{engine="small",agent="coder"} 1"#,
            "from the engine's status",
        ),
        (r#"harmonic_engine_ready{engine="small"} 1"#, "from the engine's status"),
        (
            r#"harmonic_http_responses_total{http_route="/v1/chat/completions",http_response_status_code="200"} 2"#,
            "both",
        ),
        (
            r#"harmonic_http_responses_total{http_route="other",http_response_status_code="404"} 1"#,
            "the label has no text of the client",
        ),
    ] {
        assert!(figures.lines().any(|found| found == line), "{why}: {line}\n{figures}");
    }
    assert!(!figures.contains("nowhere"), "{figures}");
}

#[tokio::test]
async fn every_request_has_one_outcome() {
    let agent = || "coder".into();
    let died = Rejection::EngineDied { agent: agent(), message: "it fell".to_owned() };
    let failed = vec![text("one"), Event::Failed { message: "it fell".to_owned() }];
    for (script, outcome) in [
        (Script::Refuse(died), "engine_died"),
        (Script::Emit(failed), "engine_failed"),
        (Script::Emit(vec![text("one")]), "engine_failed"),
    ] {
        let figures = metrics_after(script).await;
        let counted = lines(&figures, "harmonic_requests_total");
        let expected = format!(
            r#"harmonic_requests_total{{gen_ai_request_model="coder",outcome="{outcome}"}} 2"#
        );
        assert_eq!(counted, [expected], "{figures}");
    }
}

#[tokio::test]
async fn a_client_that_disconnects_is_counted() {
    let engine = ScriptedEngine::new(Script::EmitAndWait(vec![text("one")]));
    let server = TestServer::new(&engine).await;
    let response = server.post(body(&json!({"stream": true}))).await;
    drop(response);
    engine.cancelled(1).await;
    let figures = server.get("/metrics").await.text().await.expect("text");
    let counted = lines(&figures, "harmonic_requests_total");
    let expected = r#"harmonic_requests_total{gen_ai_request_model="coder",outcome="cancelled"} 1"#;
    assert_eq!(counted, [expected], "{figures}");
}
