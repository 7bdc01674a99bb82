//! `GET /`: what the server is, in the form that is asked for, and what a stranger reads.

use std::sync::Arc;

use harmonic_gateway::{Access, ApiKey, Config, Fingerprint, Keys};
use serde_json::Value;

use crate::scripted_engine::{Script, ScriptedEngine, within};
use crate::test_server::{TestServer, models, settings, shown};

/// What a browser sends.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn get(server: &TestServer, accept: &str, key: Option<&str>) -> reqwest::Response {
    let mut request = server.http.get(&server.url).header("accept", accept);
    if let Some(key) = key {
        request = request.header("x-api-key", key);
    }
    within(request.send()).await.expect("an answer")
}

async fn with_keys() -> TestServer {
    let key = ApiKey {
        name: "laptop".to_owned(),
        fingerprint: Fingerprint::of("hs-one"),
        per_minute: None,
        may_approve_commands: false,
    };
    let keys: Arc<Keys> = Arc::new(Keys::new([key]));
    let access = Access { keys: Some(Arc::new(keys)), ..Access::default() };
    let engine = ScriptedEngine::new(Script::Queue);
    TestServer::with_access(access, models(&engine), Config::default()).await
}

#[tokio::test]
async fn the_form_is_the_one_that_is_asked_for() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Queue)).await;
    let text = shown(server.get("/").await).await;
    settings().bind(|| {
        insta::assert_snapshot!(text, @"
    200 OK
    content-type: text/plain; charset=utf-8
    cache-control: no-store
    x-request-id: req-ID

    Ollama is running, spoken by Harmonic Stack

    Harmonic Stack 0.1.0: a team of local agents, each of them a model:
      executive: the executive
      coder: the coder

      OpenAI     POST /v1/chat/completions
      Ollama     POST /api/chat
      Anthropic  POST /v1/messages

      /v1/models       the agents, as models
      /openapi.json    description of the API
      /health          state of every engine
      /slots           slots of every agent, and queued requests
      /events          what happens in the team
      /metrics         metrics for Prometheus
      docs/clients.md  configuration of clients
      docs/api.md      supported fields of each dialect
    ");
    });

    let page = get(&server, BROWSER, None).await;
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let policy = page.headers()["content-security-policy"].to_str().expect("text").to_owned();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let page = within(page.text()).await.expect("a page");
    for word in ["<title>Harmonic Stack", "<code>coder</code>", "/v1/messages", "/openapi.json"] {
        assert!(page.contains(word), "{word}: {page}");
    }
}

#[tokio::test]
async fn a_program_gets_a_document() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Queue)).await;
    let document = get(&server, "application/json", None).await;
    assert_eq!(document.headers()["vary"], "accept");
    let document: Value = within(document.json()).await.expect("JSON");
    insta::assert_snapshot!(serde_json::to_string_pretty(&document).expect("JSON"), @r#"
    {
      "schema": "harmonic.server/1",
      "name": "Harmonic Stack",
      "version": "0.1.0",
      "needs_key": false,
      "agents": [
        {
          "name": "executive",
          "role": "the executive"
        },
        {
          "name": "coder",
          "role": "the coder"
        }
      ],
      "endpoints": [
        {
          "name": "OpenAI",
          "base": "/v1",
          "path": "/v1/chat/completions"
        },
        {
          "name": "Ollama",
          "base": "/",
          "path": "/api/chat"
        },
        {
          "name": "Anthropic",
          "base": "/",
          "path": "/v1/messages"
        }
      ],
      "paths": [
        {
          "path": "/v1/models",
          "about": "the agents, as models"
        },
        {
          "path": "/openapi.json",
          "about": "description of the API"
        },
        {
          "path": "/health",
          "about": "state of every engine"
        },
        {
          "path": "/slots",
          "about": "slots of every agent, and queued requests"
        },
        {
          "path": "/events",
          "about": "what happens in the team"
        },
        {
          "path": "/metrics",
          "about": "metrics for Prometheus"
        }
      ],
      "documents": [
        {
          "path": "docs/clients.md",
          "about": "configuration of clients"
        },
        {
          "path": "docs/api.md",
          "about": "supported fields of each dialect"
        }
      ]
    }
    "#);
}

#[tokio::test]
async fn its_links_lead_somewhere() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Queue)).await;
    let document = get(&server, "application/json", None).await;
    let document: Value = within(document.json()).await.expect("JSON");
    for link in document["paths"].as_array().expect("a list") {
        let path = link["path"].as_str().expect("a path");
        assert_eq!(server.get(path).await.status(), 200, "{path}");
    }
    for endpoint in document["endpoints"].as_array().expect("a list") {
        let path = endpoint["path"].as_str().expect("a path");
        // No request, but a path that takes requests.
        assert_eq!(server.post_to(path, "{}").await.status(), 400, "{path}");
    }
}

#[tokio::test]
async fn a_stranger_reads_nothing_about_the_team() {
    let server = with_keys().await;
    for accept in [BROWSER, "application/json", "*/*"] {
        for path in ["/", "//", "/?"] {
            let request = server.http.get(format!("{}{path}", server.url));
            let refused = within(request.header("accept", accept).send()).await.expect("an answer");
            assert_eq!(refused.status(), 401, "{accept} {path}");
            assert_eq!(refused.headers()["www-authenticate"], "Bearer");
            let body = within(refused.text()).await.expect("a body");
            assert!(!body.contains("coder") && !body.contains("0.1"), "{accept}: {body}");
            assert!(body.contains("API key"), "{accept}: {body}");
        }
    }
    let page = within(get(&server, BROWSER, None).await.text()).await.expect("a page");
    assert!(page.contains("harmonic keys add"), "{page}");
    assert_eq!(get(&server, BROWSER, Some("hs-two")).await.status(), 401);
    let page = within(get(&server, BROWSER, Some("hs-one")).await.text()).await.expect("a page");
    assert!(page.contains("<code>coder</code>"), "{page}");
    let document = get(&server, "application/json", Some("hs-one")).await;
    let document: Value = within(document.json()).await.expect("JSON");
    assert_eq!(document["needs_key"], true);
}
