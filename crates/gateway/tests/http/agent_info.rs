//! Public description of agents, and the names by which clients reach them.

use std::collections::BTreeSet;
use std::sync::Arc;

use harmonic_engine::Engine;
use harmonic_engine::chat::ThinkingSupport;
use harmonic_gateway::{AgentInfo, Config, ModelRegistry, RegisteredAgent, WeightsInfo};
use harmonic_models::catalog;
use harmonic_types::{FinishReason, Tokens};
use serde_json::{Value, json};

use crate::scripted_engine::{Script, ScriptedEngine, finished, within};
use crate::test_server::{TestServer, body};

const PATH: &str = "/home/ada/models/secret-folder/tiny.gguf";

fn agent(name: &str, system: &str, engine: &Arc<ScriptedEngine>) -> RegisteredAgent {
    let shape = catalog::find("smollm2:135m").expect("in the catalog").shape;
    RegisteredAgent {
        name: name.into(),
        role: format!("the {name}"),
        model: PATH.to_owned(),
        context: Tokens(2048),
        info: AgentInfo {
            system: system.to_owned(),
            thinking_support: ThinkingSupport::Always,
            weights: Some(WeightsInfo {
                shortens: false,
                digest: Some("ab".repeat(32)),
                shape,
                template: Some("{{ messages }} <think>".to_owned()),
                licence: Some("Apache-2.0".to_owned()),
            }),
            ..AgentInfo::default()
        },
        engine: Arc::clone(engine) as Arc<dyn Engine>,
        team: None,
    }
}

async fn json_of(response: reqwest::Response) -> Value {
    within(response.json()).await.expect("JSON")
}

async fn digests(systems: &[(&str, &str)]) -> Vec<String> {
    let engine = ScriptedEngine::new(Script::Queue);
    let agents = systems.iter().map(|(name, system)| agent(name, system, &engine)).collect();
    let server =
        TestServer::with_models(ModelRegistry::new(agents).expect("unique"), Config::default())
            .await;
    let tags = json_of(server.get("/api/tags").await).await;
    let ps = json_of(server.get("/api/ps").await).await;
    let of = |list: &Value| -> Vec<String> {
        let models = list["models"].as_array().expect("a list").iter();
        models.map(|model| model["digest"].as_str().expect("a digest").to_owned()).collect()
    };
    assert_eq!(of(&tags), of(&ps));
    of(&tags)
}

#[tokio::test]
async fn each_agent_has_a_stable_digest_of_its_own() {
    let first = digests(&[("coder", "write"), ("analyst", "write")]).await;
    assert!(first.iter().all(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit())));
    assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), 2);
    assert_eq!(digests(&[("coder", "write"), ("analyst", "write")]).await, first);
    let changed = digests(&[("coder", "read"), ("analyst", "write")]).await;
    assert_ne!(changed[0], first[0]);
    assert_eq!(changed[1], first[1]);
}

#[tokio::test]
async fn an_agent_is_described_without_a_path_of_the_server() {
    let engine = ScriptedEngine::new(Script::Queue);
    let models = ModelRegistry::new(vec![agent("coder", "You write.", &engine)]).expect("unique");
    let server = TestServer::with_models(models, Config::default()).await;
    // As Ollama's own client sends it.
    let show =
        json!({"model": "", "name": "coder", "system": "", "template": "", "verbose": false});
    let shown =
        within(server.post_to("/api/show", show.to_string()).await.text()).await.expect("text");
    for path in ["/api/tags", "/api/ps", "/v1/models", "/v1/models/coder", "/health", "/slots"] {
        let reply = within(server.get(path).await.text()).await.expect("text");
        assert!(!reply.contains("secret-folder"), "{path}: {reply}");
    }
    assert!(!shown.contains("secret-folder"), "{shown}");
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(
        shown["details"],
        json!({
            "parent_model": "tiny", "format": "gguf", "family": "llama", "families": ["llama"],
            "parameter_size": "134.52M", "quantization_level": "Q4_1",
        })
    );
    assert_eq!(shown["system"], "You write.");
    assert_eq!(shown["license"], "Apache-2.0");
    assert_eq!(shown["template"], "{{ messages }} <think>");
    assert_eq!(shown["capabilities"], json!(["completion", "tools", "thinking"]));
    assert_eq!(shown["model_info"]["general.architecture"], "llama");
    assert_eq!(shown["model_info"]["llama.context_length"], 2048);
    let parameters = shown["parameters"].as_str().expect("text");
    assert!(parameters.contains("temperature") && parameters.contains("num_ctx"), "{parameters}");
    assert!(shown["modelfile"].as_str().expect("text").starts_with("FROM tiny\n"));
}

#[tokio::test]
async fn the_suffix_latest_is_accepted_on_every_path() {
    let server =
        TestServer::new(&ScriptedEngine::new(Script::Emit(vec![finished(FinishReason::Stop)])))
            .await;
    let chat = json!({"model": "coder:latest", "messages": [{"role": "user", "content": "hi"}]});
    let mut messages = chat.clone();
    messages["max_tokens"] = json!(9);
    for (path, body) in [
        ("/v1/chat/completions", chat.clone()),
        ("/v1/completions", json!({"model": "coder:latest", "prompt": "hi"})),
        ("/v1/responses", json!({"model": "coder:latest", "input": "hi"})),
        ("/v1/messages", messages),
        ("/v1/messages/count_tokens", chat.clone()),
        ("/api/chat", chat),
        ("/api/generate", json!({"model": "coder:latest", "prompt": "hi"})),
        ("/api/show", json!({"model": "coder:latest"})),
        ("/api/show", json!({"model": "", "name": "coder:latest"})),
    ] {
        let response = server.post_to(path, body.to_string()).await;
        assert_eq!(response.status(), 200, "{path}");
    }
    assert_eq!(server.get("/v1/models/coder:latest").await.status(), 200);
    for (path, body) in [
        ("/v1/embeddings", json!({"model": "coder:latest", "input": "hi"})),
        ("/api/embed", json!({"model": "coder:latest", "input": "hi"})),
    ] {
        // The agent exists, but cannot compute embeddings.
        assert_eq!(server.post_to(path, body.to_string()).await.status(), 400, "{path}");
    }
    let other = server.post_to("/api/show", json!({"model": "coder:small"}).to_string()).await;
    assert_eq!(other.status(), 404);
}

#[tokio::test]
async fn exactly_the_ignored_fields_are_named_in_the_header() {
    let server =
        TestServer::new(&ScriptedEngine::new(Script::Emit(vec![finished(FinishReason::Stop)])))
            .await;
    let header = |response: &reqwest::Response| {
        let value = response.headers().get("x-harmonic-ignored");
        value.map(|value| value.to_str().expect("printable").to_owned())
    };
    let plain = server.post(body(&json!({"metadata": {"a": "b"}, "store": true}))).await;
    assert_eq!(header(&plain), None);
    for stream in [false, true] {
        let patch =
            json!({"mirostat": 2, "verbosity": "low", "a\r\nset-cookie: b": 1, "stream": stream});
        let reply = server.post(body(&patch)).await;
        assert_eq!(header(&reply).as_deref(), Some("mirostat, verbosity, a??set-cookie? b"));
    }
    let offered = json!({"model": "coder", "input": "hi", "tools": [
        {"type": "function", "name": "f"}, {"type": "web_search"}, {"type": "namespace", "name": "n"},
    ]});
    let reply = server.post_to("/v1/responses", offered.to_string()).await;
    assert_eq!(header(&reply).as_deref(), Some("tools[1] (web_search), tools[2] (namespace)"));
    let response = json_of(reply).await;
    assert_eq!(response["tools"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn an_impossible_thinking_setting_is_named_as_ignored_in_every_dialect() {
    let engine = ScriptedEngine::new(Script::Emit(vec![finished(FinishReason::Stop)]));
    let mut never = agent("dull", "", &engine);
    never.info.thinking_support = ThinkingSupport::Never;
    let models = ModelRegistry::new(vec![agent("coder", "", &engine), never]).expect("unique");
    let server = TestServer::with_models(models, Config::default()).await;
    let hi = json!([{"role": "user", "content": "hi"}]);
    let chat = |field: &str, value: Value| json!({"model": "coder", "messages": hi, field: value});
    let cases = [
        ("/v1/chat/completions", chat("reasoning_effort", json!("none")), true),
        ("/v1/chat/completions", chat("reasoning_effort", json!("low")), false),
        ("/api/chat", chat("think", json!(false)), true),
        ("/api/chat", chat("think", json!(true)), false),
        (
            "/v1/responses",
            json!({"model": "coder", "input": "hi", "reasoning": {"effort": "minimal"}}),
            true,
        ),
    ];
    for (path, body, is_ignored) in cases {
        let response = server.post_to(path, body.to_string()).await;
        let header = response.headers().get("x-harmonic-ignored");
        let reply = is_ignored.then_some("thinking (the model cannot be told not to)");
        assert_eq!(header.and_then(|value| value.to_str().ok()), reply, "{path} {body}");
        // The opposite setting is impossible for the other model.
        let mut body = body;
        body["model"] = json!("dull");
        let response = server.post_to(path, body.to_string()).await;
        let header = response.headers().get("x-harmonic-ignored");
        let reply = (!is_ignored).then_some("thinking (the model does not think)");
        assert_eq!(header.and_then(|value| value.to_str().ok()), reply, "{path} {body}");
    }
}

#[tokio::test]
async fn agents_are_not_changed_over_http() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Queue)).await;
    for (method, path) in [
        ("POST", "/api/create"),
        ("POST", "/api/copy"),
        ("DELETE", "/api/delete"),
        ("POST", "/api/push"),
        ("POST", "/api/blobs/sha256:00"),
    ] {
        let method = method.parse().expect("a method");
        let request = server.http.request(method, format!("{}{path}", server.url));
        let response = within(request.body("{}").send()).await.expect("an answer");
        assert_eq!(response.status(), 403, "{path}");
        let reply = json_of(response).await;
        assert!(reply["error"].as_str().expect("text").contains("stack file"), "{reply}");
    }
    let unload = json!({"model": "coder", "keep_alive": 0}).to_string();
    for path in ["/api/chat", "/api/generate"] {
        assert_eq!(server.post_to(path, unload.clone()).await.status(), 400, "{path}");
    }
}

/// Fields that Zed's structs require before it lists an agent.
#[tokio::test]
async fn zed_reads_the_lists() {
    let engine = ScriptedEngine::new(Script::Queue);
    let models = ModelRegistry::new(vec![agent("coder", "You write.", &engine)]).expect("unique");
    let server = TestServer::with_models(models, Config::default()).await;
    let tags = json_of(server.get("/api/tags").await).await;
    for listed in tags["models"].as_array().expect("a list") {
        for text in ["name", "modified_at", "digest"] {
            assert!(listed[text].is_string(), "{text}: {listed}");
        }
        assert!(listed["size"].is_u64(), "{listed}");
        for text in ["format", "family", "parameter_size", "quantization_level"] {
            assert!(listed["details"][text].is_string(), "{text}: {listed}");
        }
        assert!(listed["details"]["families"].is_array(), "{listed}");
    }
    let show = server.post_to("/api/show", json!({"model": "coder"}).to_string()).await;
    let shown = json_of(show).await;
    let family = shown["model_info"]["general.architecture"].as_str().expect("text");
    assert!(shown["model_info"][format!("{family}.context_length")].is_u64(), "{shown}");
    assert!(shown["capabilities"].as_array().is_some_and(|all| all.contains(&json!("tools"))));
}
