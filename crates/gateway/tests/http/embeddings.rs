//! Embeddings over the wire, from a simulated encoder.

use std::sync::Arc;
use std::time::Duration;

use harmonic_engine::sim::{CostModel, spawn_embedder};
use harmonic_engine::{Engine, Identity, LocalConfig, ServedAgent};
use harmonic_events::EventStream;
use harmonic_gateway::{AgentInfo, Config, ModelRegistry, RegisteredAgent, WeightsInfo};
use harmonic_models::catalog;
use harmonic_types::{AgentSpec, Bytes, KvLayout, Sampling, Tier, Tokens};
use serde_json::{Value, json};

use crate::scripted_engine::{Script, ScriptedEngine, within};
use crate::test_server::{TestServer, shown};

const CONTEXT: Tokens = Tokens(64);

/// Server with the agent `coder`, which generates text, and `search`, which computes embeddings of
/// 384 dimensions; they can be shortened if `shortens`.
async fn server(shortens: bool) -> TestServer {
    let shape = catalog::find("all-minilm:22m").expect("in the catalog").shape;
    let spec = AgentSpec {
        name: "search".into(),
        tier: Tier::Specialists,
        model: "all-minilm:22m".to_owned(),
        context: CONTEXT,
        min_context: None,
        role: String::new(),
        system: String::new(),
        sampling: Sampling::default(),
        thinking: false,
    };
    let config = LocalConfig {
        id: "search".to_owned(),
        model: "all-minilm:22m".to_owned(),
        kind: "sim".to_owned(),
        identity: Identity::default(),
        agents: vec![ServedAgent { spec, slots: 2, context: CONTEXT, larger: None }],
        threads: 1,
        sequences: 16,
        kv_tokens: 0,
        max_in_flight: 4,
        quota_total: 2,
        unowned: 0,
        device: None,
        kv_layout: KvLayout::Unified,
        token_bytes: Bytes::ZERO,
        prefix_bytes: Bytes::ZERO,
        preempted_bytes: Bytes::ZERO,
        queue_limit: 8,
        form_trial: None,
        events: EventStream::default(),
    };
    let costs = CostModel::dgx_spark(&shape);
    let engine = spawn_embedder(config, costs, shape.embedding_length).expect("it starts");
    let scripted = ScriptedEngine::new(Script::Queue);
    let agent = |name: &str, engine: Arc<dyn Engine>, info: AgentInfo| RegisteredAgent {
        name: name.into(),
        role: format!("the {name}"),
        model: "all-minilm:22m".to_owned(),
        context: CONTEXT,
        info,
        engine,
        team: None,
    };
    let weights = WeightsInfo { digest: None, shape, shortens, template: None, licence: None };
    let info = AgentInfo { weights: Some(weights), ..AgentInfo::default() };
    let agents = vec![
        agent("coder", scripted, AgentInfo::default()),
        agent("search", Arc::new(engine), info),
    ];
    let models = ModelRegistry::new(agents).expect("unique names");
    TestServer::with_models(models, Config::default()).await
}

async fn post(server: &TestServer, path: &str, body: &Value) -> Value {
    let response = server.post_to(path, body.to_string()).await;
    let status = response.status();
    let text = within(response.text()).await.expect("a whole body");
    assert_eq!(status, 200, "{path} {body}: {text}");
    serde_json::from_str(&text).expect("JSON")
}

fn numbers(vector: &Value) -> Vec<f32> {
    serde::Deserialize::deserialize(vector).expect("a list of numbers")
}

#[tokio::test]
async fn every_path_gives_the_same_vectors_in_its_own_form() {
    let server = server(false).await;
    let input = json!(["a cat", "a dog"]);
    let openai = post(&server, "/v1/embeddings", &json!({"model": "search", "input": input})).await;
    assert_eq!(openai["usage"], json!({"prompt_tokens": 10, "total_tokens": 10}));
    assert_eq!((&openai["object"], &openai["model"]), (&json!("list"), &json!("search")));
    let first = numbers(&openai["data"][0]["embedding"]);
    assert_eq!(first.len(), 384);
    assert!((first.iter().map(|n| n * n).sum::<f32>() - 1.0).abs() < 1e-5);

    let ollama = json!({"model": "search:latest", "input": input});
    let ollama = post(&server, "/api/embed", &ollama).await;
    assert_eq!(numbers(&ollama["embeddings"][0]), first);
    assert_eq!(
        (&ollama["model"], &ollama["prompt_eval_count"]),
        (&json!("search:latest"), &json!(10))
    );
    assert!(ollama["total_duration"].as_u64().is_some_and(|time| time > 0));

    let older = json!({"model": "search", "prompt": "a cat"});
    let older = numbers(&post(&server, "/api/embeddings", &older).await["embedding"]);
    let length = older.iter().map(|n| n * n).sum::<f32>().sqrt();
    for (raw, normalised) in older.iter().zip(&first) {
        assert!((raw / length - normalised).abs() < 1e-5);
    }
}

#[tokio::test]
async fn an_answer_has_the_headers_of_its_admission() {
    let server = server(false).await;
    let body = json!({"model": "search", "input": "a", "options": {"num_ctx": 9}});
    let response = server.post_to("/api/embed", body.to_string()).await;
    let header = |name| {
        let value = response.headers().get(name);
        value.map(|value| value.to_str().expect("printable").to_owned())
    };
    assert_eq!(header("x-harmonic-agent").as_deref(), Some("search"));
    assert_eq!(header("x-harmonic-slot").as_deref(), Some("0"));
    assert_eq!(header("x-harmonic-ignored").as_deref(), Some("options.num_ctx"));
    assert!(header("x-harmonic-queue-ms").is_some());
}

#[tokio::test]
async fn inputs_too_long_are_refused_or_cut_as_each_dialect_does() {
    let server = server(false).await;
    let long = "x".repeat(65);
    let refused = server
        .post_to("/v1/embeddings", json!({"model": "search", "input": ["a", long]}).to_string());
    let refused = shown(refused.await).await;
    assert!(refused.starts_with("400"), "{refused}");
    let message = "input 1 has 65 tokens, but the context of search has 64";
    assert!(refused.contains(message) && refused.contains("context_length_exceeded"), "{refused}");
    assert!(refused.contains(r#""param":"input""#), "{refused}");

    let body = |truncate: Value| json!({"model": "search", "input": long, "truncate": truncate});
    let cut = post(&server, "/api/embed", &body(json!(true))).await;
    assert_eq!(cut["prompt_eval_count"], 64);
    let whole = server.post_to("/api/embed", body(json!(false)).to_string()).await;
    assert_eq!(whole.status(), 400);
}

#[tokio::test]
async fn dimensions_are_those_of_the_model_unless_it_can_be_shortened() {
    let body =
        |dimensions: u32| json!({"model": "search", "input": "a cat", "dimensions": dimensions});
    let whole = server(false).await;
    post(&whole, "/v1/embeddings", &body(384)).await;
    for (dimensions, expected) in [(64, "can be shortened"), (385, "expected 384")] {
        let refused = whole.post_to("/v1/embeddings", body(dimensions).to_string()).await;
        let refused = shown(refused).await;
        assert!(refused.starts_with("400") && refused.contains(expected), "{refused}");
        assert!(refused.contains(r#""param":"dimensions""#), "{refused}");
    }
    let short = server(true).await;
    let all = post(&short, "/v1/embeddings", &body(384)).await;
    let all = numbers(&all["data"][0]["embedding"]);
    let some = post(&short, "/v1/embeddings", &body(64)).await;
    let some = numbers(&some["data"][0]["embedding"]);
    assert_eq!(some.len(), 64);
    assert!((some.iter().map(|n| n * n).sum::<f32>() - 1.0).abs() < 1e-5);
    assert!((some[0] / some[1] - all[0] / all[1]).abs() < 1e-3, "its beginning, normalised again");
    assert_eq!(short.post_to("/api/embed", body(385).to_string()).await.status(), 400);
}

#[tokio::test]
async fn each_agent_does_what_its_model_can() {
    let server = server(false).await;
    let refused =
        server.post_to("/v1/embeddings", json!({"model": "coder", "input": "a"}).to_string());
    let refused = shown(refused.await).await;
    assert!(refused.starts_with("400") && refused.contains("ask search"), "{refused}");
    let messages = json!([{"role": "user", "content": "hi"}]);
    for (path, body) in [
        ("/v1/chat/completions", json!({"model": "search", "messages": messages})),
        ("/v1/completions", json!({"model": "search", "prompt": "hi"})),
        ("/v1/responses", json!({"model": "search", "input": "hi"})),
        ("/v1/messages", json!({"model": "search", "messages": messages, "max_tokens": 5})),
        ("/v1/messages/count_tokens", json!({"model": "search", "messages": messages})),
        ("/api/chat", json!({"model": "search", "messages": messages})),
        ("/api/generate", json!({"model": "search", "prompt": "hi"})),
    ] {
        let refused = shown(server.post_to(path, body.to_string()).await).await;
        assert!(refused.starts_with("400"), "{path}: {refused}");
        assert!(refused.contains("search generates no text"), "{path}: {refused}");
    }
    let shown = post(&server, "/api/show", &json!({"model": "search"})).await;
    assert_eq!(shown["capabilities"], json!(["embedding"]));
}

#[tokio::test]
async fn nothing_to_compute_asks_for_the_agent() {
    let server = server(false).await;
    for nothing in [json!(null), json!(""), json!([])] {
        let body = json!({"model": "search", "input": nothing});
        assert_eq!(post(&server, "/api/embed", &body).await["embeddings"], json!([]));
    }
    let older = post(&server, "/api/embeddings", &json!({"model": "search"})).await;
    assert_eq!(older, json!({"embedding": []}));
    let absent = server.post_to("/api/embed", json!({"model": "nobody"}).to_string()).await;
    assert_eq!(absent.status(), 404);
}

#[tokio::test]
async fn tokens_of_inputs_are_counted_in_the_metrics() {
    let server = server(false).await;
    post(&server, "/v1/embeddings", &json!({"model": "search", "input": "four"})).await;
    let metrics = within(server.get("/metrics").await.text()).await.expect("text");
    let line = r#"harmonic_prompt_tokens_total{gen_ai_request_model="search"} 4"#;
    assert!(metrics.contains(line), "{metrics}");
    let outcome = r#"harmonic_requests_total{gen_ai_request_model="search",outcome="stop"} 1"#;
    assert!(metrics.contains(outcome), "{metrics}");
    let slots = within(server.get("/slots").await.text()).await.expect("text");
    assert!(slots.contains(r#""generation":false"#) && slots.contains(r#""embeddings":true"#));
}

#[tokio::test]
async fn a_client_that_goes_away_frees_its_slot() {
    let server = server(false).await;
    let many = vec!["x".repeat(60); 2000];
    let body = json!({"model": "search", "input": many}).to_string();
    let url = format!("{}/v1/embeddings", server.url);
    let sent = server.http.post(url).body(body).timeout(Duration::from_millis(50)).send().await;
    drop(sent);
    within(async {
        loop {
            let text = server.get("/slots").await.text().await.expect("text");
            let report: Value = serde_json::from_str(&text).expect("JSON");
            let engine = &report["engines"][1];
            if engine["in_flight"] == 0 && engine["queued"] == 0 && engine["preparing"] == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}
