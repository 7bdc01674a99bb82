//! What clients may read of agents, and by which names they reach them.

use std::collections::BTreeSet;
use std::sync::Arc;

use harmonic_engine::Engine;
use harmonic_engine::chat::Thinks;
use harmonic_gateway::{AgentInfo, Config, ModelRegistry, RegisteredAgent, WeightsInfo};
use harmonic_models::catalog;
use harmonic_types::{FinishReason, Tokens};
use serde_json::{Value, json};

use crate::scripted::{Script, Scripted, finished, within};
use crate::served::{Served, body};

const PATH: &str = "/home/ada/models/secret-folder/tiny.gguf";

fn agent(name: &str, system: &str, engine: &Arc<Scripted>) -> RegisteredAgent {
    let shape = catalog::find("smollm2:135m").expect("in the catalog").shape;
    RegisteredAgent {
        name: name.into(),
        role: format!("the {name}"),
        model: PATH.to_owned(),
        context: Tokens(2048),
        info: AgentInfo {
            system: system.to_owned(),
            thinks: Thinks::Always,
            weights: Some(WeightsInfo {
                digest: Some("ab".repeat(32)),
                shape,
                template: Some("{{ messages }} <think>".to_owned()),
                licence: Some("Apache-2.0".to_owned()),
            }),
            ..AgentInfo::default()
        },
        engine: Arc::clone(engine) as Arc<dyn Engine>,
    }
}

async fn json_of(response: reqwest::Response) -> Value {
    within(response.json()).await.expect("JSON")
}

async fn digests(systems: &[(&str, &str)]) -> Vec<String> {
    let engine = Scripted::new(Script::Queue);
    let agents = systems.iter().map(|(name, system)| agent(name, system, &engine)).collect();
    let served =
        Served::offering(ModelRegistry::new(agents).expect("unique"), Config::default()).await;
    let tags = json_of(served.get("/api/tags").await).await;
    let ps = json_of(served.get("/api/ps").await).await;
    let of = |list: &Value| -> Vec<String> {
        let models = list["models"].as_array().expect("a list").iter();
        models.map(|model| model["digest"].as_str().expect("a digest").to_owned()).collect()
    };
    assert_eq!(of(&tags), of(&ps));
    of(&tags)
}

#[tokio::test]
async fn each_agent_has_a_digest_of_its_own_that_lasts() {
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
    let engine = Scripted::new(Script::Queue);
    let models = ModelRegistry::new(vec![agent("coder", "You write.", &engine)]).expect("unique");
    let served = Served::offering(models, Config::default()).await;
    // As Ollama's own client writes it.
    let show =
        json!({"model": "", "name": "coder", "system": "", "template": "", "verbose": false});
    let shown =
        within(served.post_to("/api/show", show.to_string()).await.text()).await.expect("text");
    for path in ["/api/tags", "/api/ps", "/v1/models", "/v1/models/coder", "/health", "/slots"] {
        let said = within(served.get(path).await.text()).await.expect("text");
        assert!(!said.contains("secret-folder"), "{path}: {said}");
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
async fn latest_is_the_same_agent_on_every_path() {
    let served = Served::new(&Scripted::new(Script::Say(vec![finished(FinishReason::Stop)]))).await;
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
        let response = served.post_to(path, body.to_string()).await;
        assert_eq!(response.status(), 200, "{path}");
    }
    assert_eq!(served.get("/v1/models/coder:latest").await.status(), 200);
    for (path, body) in [
        ("/v1/embeddings", json!({"model": "coder:latest", "input": "hi"})),
        ("/api/embed", json!({"model": "coder:latest", "input": "hi"})),
    ] {
        // There is such an agent, and it makes no embeddings.
        assert_eq!(served.post_to(path, body.to_string()).await.status(), 400, "{path}");
    }
    let other = served.post_to("/api/show", json!({"model": "coder:small"}).to_string()).await;
    assert_eq!(other.status(), 404);
}

#[tokio::test]
async fn what_is_not_heeded_is_said_in_a_header_and_nothing_else_is() {
    let served = Served::new(&Scripted::new(Script::Say(vec![finished(FinishReason::Stop)]))).await;
    let header = |response: &reqwest::Response| {
        let value = response.headers().get("x-harmonic-ignored");
        value.map(|value| value.to_str().expect("printable").to_owned())
    };
    let plain = served.post(body(&json!({"metadata": {"a": "b"}, "store": true}))).await;
    assert_eq!(header(&plain), None);
    for stream in [false, true] {
        let patch =
            json!({"mirostat": 2, "verbosity": "low", "a\r\nset-cookie: b": 1, "stream": stream});
        let said = served.post(body(&patch)).await;
        assert_eq!(header(&said).as_deref(), Some("mirostat, verbosity, a??set-cookie? b"));
    }
    let offered = json!({"model": "coder", "input": "hi", "tools": [
        {"type": "function", "name": "f"}, {"type": "web_search"}, {"type": "namespace", "name": "n"},
    ]});
    let said = served.post_to("/v1/responses", offered.to_string()).await;
    assert_eq!(header(&said).as_deref(), Some("tools[1] (web_search), tools[2] (namespace)"));
    let told = json_of(said).await;
    assert_eq!(told["tools"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn what_a_model_thinks_all_the_same_or_never_is_said_in_every_dialect() {
    let engine = Scripted::new(Script::Say(vec![finished(FinishReason::Stop)]));
    let mut never = agent("dull", "", &engine);
    never.info.thinks = Thinks::Never;
    let models = ModelRegistry::new(vec![agent("coder", "", &engine), never]).expect("unique");
    let served = Served::offering(models, Config::default()).await;
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
    for (path, body, is_said) in cases {
        let response = served.post_to(path, body.to_string()).await;
        let header = response.headers().get("x-harmonic-ignored");
        let said = is_said.then_some("thinking (the model cannot be told not to)");
        assert_eq!(header.and_then(|value| value.to_str().ok()), said, "{path} {body}");
        // What the one cannot be told, the other does by itself.
        let mut body = body;
        body["model"] = json!("dull");
        let response = served.post_to(path, body.to_string()).await;
        let header = response.headers().get("x-harmonic-ignored");
        let said = (!is_said).then_some("thinking (the model does not think)");
        assert_eq!(header.and_then(|value| value.to_str().ok()), said, "{path} {body}");
    }
}

#[tokio::test]
async fn agents_are_not_changed_over_http() {
    let served = Served::new(&Scripted::new(Script::Queue)).await;
    for (method, path) in [
        ("POST", "/api/create"),
        ("POST", "/api/copy"),
        ("DELETE", "/api/delete"),
        ("POST", "/api/push"),
        ("POST", "/api/blobs/sha256:00"),
    ] {
        let method = method.parse().expect("a method");
        let request = served.http.request(method, format!("{}{path}", served.url));
        let response = within(request.body("{}").send()).await.expect("an answer");
        assert_eq!(response.status(), 403, "{path}");
        let said = json_of(response).await;
        assert!(said["error"].as_str().expect("text").contains("stack file"), "{said}");
    }
    let unload = json!({"model": "coder", "keep_alive": 0}).to_string();
    for path in ["/api/chat", "/api/generate"] {
        assert_eq!(served.post_to(path, unload.clone()).await.status(), 400, "{path}");
    }
}

/// What Zed's structs demand of each answer before it lists an agent.
#[tokio::test]
async fn zed_reads_the_lists() {
    let engine = Scripted::new(Script::Queue);
    let models = ModelRegistry::new(vec![agent("coder", "You write.", &engine)]).expect("unique");
    let served = Served::offering(models, Config::default()).await;
    let tags = json_of(served.get("/api/tags").await).await;
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
    let show = served.post_to("/api/show", json!({"model": "coder"}).to_string()).await;
    let shown = json_of(show).await;
    let family = shown["model_info"]["general.architecture"].as_str().expect("text");
    assert!(shown["model_info"][format!("{family}.context_length")].is_u64(), "{shown}");
    assert!(shown["capabilities"].as_array().is_some_and(|all| all.contains(&json!("tools"))));
}
