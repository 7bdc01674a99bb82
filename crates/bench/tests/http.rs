//! A run over real sockets. It asserts counts and contents, never times.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy sees only its root function"
)]

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Json, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Router, http::StatusCode};
use futures::{StreamExt, stream};
use harmonic_api::Client;
use harmonic_bench::{
    BenchConfig, BenchError, HttpTarget, Levels, Load, NullObserver, TargetDialect, TargetError,
    Telemetry, prefill_rate, run,
};
use harmonic_types::BenchRun;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// Behaviour of the server.
#[derive(Clone, Copy)]
enum Behaviour {
    /// Responds with three tokens in each delta; the first delta is reasoning.
    Answers,
    /// Responds without usage.
    CountsNothing,
    /// Breaks the connection within every fifth response.
    BreaksOff,
    /// Responds to the preflight only.
    RefusesLater,
    /// Refuses prompts of more than 200 words.
    ShortContext,
}

#[derive(Clone)]
struct Server {
    behaviour: Behaviour,
    bodies: Arc<Mutex<Vec<Value>>>,
}

async fn chat(State(server): State<Server>, Json(body): Json<Value>) -> Response {
    let asked = body["max_tokens"].as_u64().unwrap();
    let words = body["messages"][0]["content"].as_str().unwrap().split_whitespace().count();
    let number = {
        let mut bodies = server.bodies.lock().unwrap();
        bodies.push(body);
        bodies.len()
    };
    if matches!(server.behaviour, Behaviour::RefusesLater) && number > 2 {
        let error = json!({"error": {"message": "the queue is full", "type": "rate_limit",
            "param": null, "code": null}});
        return (StatusCode::TOO_MANY_REQUESTS, Json(error)).into_response();
    }
    if matches!(server.behaviour, Behaviour::ShortContext) && words > 200 {
        let error = json!({"error": {"message": "the prompt is longer than the context",
            "type": "invalid_request_error", "param": null, "code": null}});
        return (StatusCode::BAD_REQUEST, Json(error)).into_response();
    }
    let chunk = |delta: Value, usage: Value| {
        let choices = if delta.is_null() {
            json!([])
        } else {
            json!([{"index": 0, "delta": delta, "finish_reason": null}])
        };
        let chunk = json!({"id": "c", "object": "chat.completion.chunk", "created": 0,
            "model": "m", "choices": choices, "usage": usage});
        format!("data: {chunk}\n\n")
    };
    let mut chunks = vec![chunk(json!({"reasoning_content": "a b c"}), Value::Null)];
    for _ in 1..asked.div_ceil(3) {
        chunks.push(chunk(json!({"content": " a b c"}), Value::Null));
    }
    if matches!(server.behaviour, Behaviour::BreaksOff) && number > 2 && number % 5 == 0 {
        chunks.truncate(2);
    } else {
        if !matches!(server.behaviour, Behaviour::CountsNothing) {
            let usage = json!({"prompt_tokens": 70, "completion_tokens": asked,
                "total_tokens": 70 + asked, "prompt_tokens_details": {"cached_tokens": 30}});
            chunks.push(chunk(Value::Null, usage));
        }
        chunks.push("data: [DONE]\n\n".to_owned());
    }
    let body = stream::iter(chunks).then(|chunk| async move {
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok::<Bytes, Infallible>(Bytes::from(chunk))
    });
    ([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(body)).into_response()
}

/// Result of a run against a server of this behaviour, and the request bodies it received.
async fn bench(behaviour: Behaviour) -> (Result<BenchRun, BenchError>, Vec<Value>) {
    bench_of(behaviour, &["m"]).await
}

fn load(model: &str) -> Load {
    let agents = vec!["coder".into(), "analyst".into()];
    Load { agents, model: model.into(), ..Load::default() }
}

/// The same with one load per model.
async fn bench_of(
    behaviour: Behaviour,
    models: &[&str],
) -> (Result<BenchRun, BenchError>, Vec<Value>) {
    let server = Server { behaviour, bodies: Arc::default() };
    let bodies = Arc::clone(&server.bodies);
    let app = Router::new().route("/v1/chat/completions", post(chat)).with_state(server);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = HttpTarget::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let loads = models.iter().map(|model| load(model)).collect();
    let config = BenchConfig {
        trials: 2,
        max_trials: 2,
        target_half_width: None,
        prompt_tokens: None,
        window: Duration::from_millis(50),
        output_tokens: 30,
        patience: Duration::from_millis(50),
        pause_after_failure: Duration::from_millis(5),
        ..BenchConfig::steady(loads, Levels::new([1, 4]).unwrap())
    };
    let stop = CancellationToken::new();
    let none = Telemetry::default();
    let found = tokio::select! {
        ended = async { axum::serve(listener, app).await } => panic!("the server ended: {ended:?}"),
        found = run(&target, &config, &none, &NullObserver, &stop) => found,
    };
    let sent = bodies.lock().unwrap().clone();
    (found, sent)
}

/// Codes of the warnings, except those of intervals: windows as short as these differ at random.
fn codes(run: &BenchRun) -> Vec<&str> {
    let codes = run.warnings.iter().map(|warning| warning.code.as_str());
    codes.filter(|code| *code != "wide-interval").collect()
}

#[tokio::test]
async fn a_run_counts_what_the_server_counts() {
    let (run, bodies) = bench(Behaviour::Answers).await;
    let run = run.unwrap();
    assert_eq!(codes(&run), [""; 0]);
    assert_eq!(run.workload.prompt_tokens, Some(70.0));
    for level in &run.series[0].levels {
        assert_eq!((level.trials, level.failures), (2, 0));
        assert!(level.requests >= u64::from(level.parallel));
        assert!(level.ttft_ms.is_some() && level.itl_ms.is_some() && level.tpot_ms.is_some());
    }
    let body = &bodies[10];
    assert_eq!(body["ignore_eos"], true);
    assert_eq!(body["stream"], true);
    assert_eq!(body["stream_options"]["include_usage"], true);
    assert_eq!(body["messages"][0]["role"], "user");
    for agent in ["coder", "analyst"] {
        assert!(bodies.iter().any(|body| body["model"] == agent));
    }
}

#[tokio::test]
async fn answers_that_break_off_are_failures() {
    let (run, _) = bench(Behaviour::BreaksOff).await;
    let run = run.unwrap();
    assert_eq!(codes(&run), ["failures"]);
    assert!(run.warnings[0].message.contains("ended prematurely"), "{:?}", run.warnings);
    for level in &run.series[0].levels {
        assert!(level.failures > 0 && level.tok_s.is_some());
    }
}

#[tokio::test]
async fn a_server_without_usage_cannot_be_measured() {
    let (run, _) = bench(Behaviour::CountsNothing).await;
    let error = run.unwrap_err();
    assert!(
        matches!(error, BenchError::Preflight { source: TargetError::NoUsage { .. }, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_server_that_only_refuses_is_given_up() {
    let (run, _) = bench(Behaviour::RefusesLater).await;
    let run = run.unwrap();
    assert_eq!(codes(&run), ["failures", "target-died"]);
    assert!(run.warnings[0].message.contains("429: the queue is full"), "{:?}", run.warnings);
    assert_eq!(run.series[0].levels.len(), 1);
}

#[tokio::test]
async fn loads_after_a_dead_one_are_named_as_not_measured() {
    let (run, _) = bench_of(Behaviour::RefusesLater, &["small", "large", "huge"]).await;
    let run = run.unwrap();
    assert_eq!(codes(&run), ["failures", "target-died"]);
    let message = &run.warnings[1].message;
    assert!(message.contains("not measured: "), "{message}");
    assert!(message.ends_with("x, all of large, all of huge"), "{message}");
    assert_eq!(run.series.len(), 1);
}

#[tokio::test]
async fn prompts_that_a_short_context_refuses_are_halved() {
    let server = Server { behaviour: Behaviour::ShortContext, bodies: Arc::default() };
    let bodies = Arc::clone(&server.bodies);
    let app = Router::new().route("/v1/chat/completions", post(chat)).with_state(server);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = HttpTarget::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let config = BenchConfig::steady(vec![load("m")], Levels::new([1]).unwrap());
    let rate = tokio::select! {
        ended = async { axum::serve(listener, app).await } => panic!("the server ended: {ended:?}"),
        found = prefill_rate(&target, &config, &config.loads[0]) => found.unwrap(),
    };
    assert!(rate.unwrap().0 > 0.0);
    let bodies = bodies.lock().unwrap();
    let words = |body: &Value| body["messages"][0]["content"].as_str().unwrap().split(' ').count();
    let words: Vec<usize> = bodies.iter().map(words).collect();
    assert_eq!(words[..3], [600, 300, 150], "then as many as are measured: {words:?}");
    assert!(words[2..].iter().all(|found| *found == 150) && words.len() == 6, "{words:?}");
}

#[tokio::test]
async fn nobody_at_the_address_is_an_error_that_says_so() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let target = HttpTarget::new(&format!("http://{free}")).unwrap();
    let load = Load { agents: vec!["coder".into()], model: "m".into(), ..Load::default() };
    let loads = vec![load];
    let config = BenchConfig::steady(loads, Levels::new([1]).unwrap());
    let (none, stop) = (Telemetry::default(), CancellationToken::new());
    let error = run(&target, &config, &none, &NullObserver, &stop).await.unwrap_err();
    assert!(
        matches!(error, BenchError::Preflight { source: TargetError::Unreachable { .. }, .. }),
        "{error:?}"
    );
}

/// A server of Ollama's dialect: one line per token, with the counts in the last.
async fn ollama_chat(Json(body): Json<Value>) -> Response {
    assert_eq!(body["stream"], true);
    let asked = body["options"]["num_predict"].as_u64().unwrap();
    let line = |text: &str, done: bool| {
        json!({"model": "m", "message": {"role": "assistant", "content": text}, "done": done,
            "prompt_eval_count": 33, "eval_count": asked})
        .to_string()
            + "\n"
    };
    let lines = (0..asked).map(|_| line("a", false)).chain([line("", true)]);
    let lines: Vec<Result<Bytes, Infallible>> = lines.map(|line| Ok(line.into())).collect();
    Body::from_stream(stream::iter(lines)).into_response()
}

#[tokio::test]
async fn a_server_of_ollamas_dialect_is_measured_too() {
    let app = Router::new().route("/api/chat", post(ollama_chat));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let target = HttpTarget::with_client(client, TargetDialect::Ollama);
    let load = Load { agents: vec!["m".into()], model: "m".into(), ..Load::default() };
    let config = BenchConfig {
        trials: 2,
        max_trials: 2,
        target_half_width: None,
        prompt_tokens: None,
        window: Duration::from_millis(50),
        output_tokens: 30,
        ..BenchConfig::steady(vec![load], Levels::new([2]).unwrap())
    };
    let (none, stop) = (Telemetry::default(), CancellationToken::new());
    let run = tokio::select! {
        ended = async { axum::serve(listener, app).await } => panic!("the server ended: {ended:?}"),
        found = run(&target, &config, &none, &NullObserver, &stop) => found.unwrap(),
    };
    assert_eq!((codes(&run), run.workload.prompt_tokens), (vec![], Some(33.0)));
    assert!(run.series[0].levels[0].tok_s.is_some());
}
