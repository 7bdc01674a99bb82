//! Access control, and the errors of refused requests.

use std::num::NonZeroU32;
use std::sync::Arc;

use harmonic_gateway::{Access, AllowedHosts, AllowedOrigins, ApiKey, Config, Fingerprint, Keys};
use reqwest::header::HeaderMap;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::scripted_engine::{Script, ScriptedEngine, answer, within};
use crate::test_server::{TestServer, body, models, settings, shown};

const PATHS: [&str; 3] = ["/v1/chat/completions", "/api/chat", "/v1/messages"];

fn key(name: &str, text: &str, per_minute: Option<u32>) -> ApiKey {
    ApiKey {
        name: name.to_owned(),
        fingerprint: Fingerprint::of(text),
        per_minute: per_minute.and_then(NonZeroU32::new),
        may_approve_commands: false,
    }
}

fn with_keys() -> Access {
    let keys = Keys::new([key("laptop", "hs-one", None), key("phone", "hs-two", Some(2))]);
    Access { keys: Some(Arc::new(Arc::new(keys))), ..Access::default() }
}

/// Server with these access rules, and its engine.
async fn server_with(access: Access) -> (TestServer, Arc<ScriptedEngine>) {
    let engine = ScriptedEngine::new(Script::Emit(answer()));
    let server = TestServer::with_access(access, models(&engine), Config::default()).await;
    (server, engine)
}

/// Sends a request to the agent at `path`.
async fn ask(server: &TestServer, path: &str, headers: &[(&'static str, &str)]) -> Response {
    let mut request = server.http.post(format!("{}{path}", server.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = body(&json!({"max_tokens": 9, "stream": false}));
    within(request.body(body).send()).await.expect("an answer")
}

#[tokio::test]
async fn a_request_without_a_key_is_refused_in_every_dialect() {
    let (server, engine) = server_with(with_keys()).await;
    let mut responses = Vec::new();
    for path in PATHS {
        responses.push(shown(ask(&server, path, &[]).await).await);
    }
    responses.push(shown(ask(&server, PATHS[0], &[("authorization", "Bearer hs-on")]).await).await);
    assert!(engine.seen.borrow().is_none(), "no request reached the engine");
    settings().bind(|| insta::assert_snapshot!(responses.join("\n\n"), @r#"
    401 Unauthorized
    content-type: application/json
    www-authenticate: Bearer
    x-request-id: req-ID

    {"error":{"message":"this server requires an API key, as `authorization: Bearer KEY` or `x-api-key: KEY`; `harmonic keys add NAME` on its machine creates one","type":"invalid_request_error","param":null,"code":"api_key_missing"}}

    401 Unauthorized
    content-type: application/json
    www-authenticate: Bearer
    x-request-id: req-ID

    {"error":"this server requires an API key, as `authorization: Bearer KEY` or `x-api-key: KEY`; `harmonic keys add NAME` on its machine creates one"}

    401 Unauthorized
    content-type: application/json
    www-authenticate: Bearer
    x-request-id: req-ID

    {"type":"error","error":{"type":"authentication_error","message":"this server requires an API key, as `authorization: Bearer KEY` or `x-api-key: KEY`; `harmonic keys add NAME` on its machine creates one"}}

    401 Unauthorized
    content-type: application/json
    www-authenticate: Bearer
    x-request-id: req-ID

    {"error":{"message":"unknown API key: `harmonic keys list` on the server's machine lists the keys","type":"invalid_request_error","param":null,"code":"api_key_unknown"}}
    "#));
    for path in ["/v1/models", "/slots", "/events", "/openapi.json", "/", "/nowhere"] {
        assert_eq!(server.get(path).await.status(), 401, "{path}");
    }
    for path in ["/health", "/ready"] {
        assert_eq!(server.get(path).await.status(), 200, "{path}");
    }
}

#[tokio::test]
async fn a_key_is_accepted_in_every_header() {
    let (server, _engine) = server_with(with_keys()).await;
    for path in PATHS {
        for header in [
            ("authorization", "Bearer hs-one"),
            ("authorization", "bearer  hs-one "),
            ("x-api-key", "hs-one"),
        ] {
            assert_eq!(ask(&server, path, &[header]).await.status(), 200, "{path} {header:?}");
        }
        for header in [
            ("authorization", "hs-one"),
            ("authorization", "Basic hs-one"),
            ("authorization", "Bearer"),
            ("x-api-key", ""),
            ("x-api-key", "HS-ONE"),
            ("x-api-key", "hs-one hs-two"),
        ] {
            assert_eq!(ask(&server, path, &[header]).await.status(), 401, "{path} {header:?}");
        }
    }
}

#[tokio::test]
async fn the_openapi_document_declares_the_key() {
    for (access, is_declared) in [(with_keys(), true), (Access::default(), false)] {
        let (server, _engine) = server_with(access).await;
        let url = format!("{}/openapi.json", server.url);
        let asked = server.http.get(url).header("x-api-key", "hs-one").send();
        let document: Value = within(asked).await.expect("an answer").json().await.expect("JSON");
        let schemes = &document["components"]["securitySchemes"];
        assert_eq!(schemes["bearer"]["scheme"] == "bearer", is_declared);
        assert_eq!(document["security"].is_array(), is_declared);
        assert_eq!(document["paths"]["/ready"]["get"]["security"] == json!([]), is_declared);
        assert!(document["paths"]["/slots"]["get"]["security"].is_null());
    }
}

#[tokio::test]
async fn a_rate_limit_affects_only_its_key() {
    let (server, _engine) = server_with(with_keys()).await;
    let phone = [("x-api-key", "hs-two")];
    for _ in 0..2 {
        assert_eq!(ask(&server, PATHS[0], &phone).await.status(), 200);
    }
    let mut responses = Vec::new();
    for path in PATHS {
        responses.push(shown(ask(&server, path, &phone).await).await);
    }
    settings().bind(|| insta::assert_snapshot!(responses.join("\n\n"), @r#"
    429 Too Many Requests
    content-type: application/json
    retry-after: 30
    x-request-id: req-ID

    {"error":{"message":"the key phone allows 2 requests per minute: retry in 30 s","type":"rate_limit_error","param":null,"code":"key_limit"}}

    429 Too Many Requests
    content-type: application/json
    retry-after: 30
    x-request-id: req-ID

    {"error":"the key phone allows 2 requests per minute: retry in 30 s"}

    429 Too Many Requests
    content-type: application/json
    retry-after: 30
    x-request-id: req-ID

    {"type":"error","error":{"type":"rate_limit_error","message":"the key phone allows 2 requests per minute: retry in 30 s"}}
    "#));
    assert_eq!(ask(&server, PATHS[0], &[("x-api-key", "hs-one")]).await.status(), 200);
}

#[tokio::test]
async fn a_foreign_host_name_is_refused() {
    let hosts = AllowedHosts::Local { extra: vec!["box.lan".to_owned()] };
    let (server, engine) = server_with(Access { hosts, ..Access::default() }).await;
    let foreign =
        ["evil.example", "evil.example:4276", "localhost.evil.example", "127.0.0.1.nip.io"];
    for host in foreign {
        assert_eq!(ask(&server, PATHS[0], &[("host", host)]).await.status(), 403, "{host}");
    }
    assert!(engine.seen.borrow().is_none(), "no request reached the engine");
    let ours =
        ["localhost", "LocalHost:1", "a.localhost", "127.0.0.1:4276", "[::1]:1", "Box.lan:80"];
    for host in ours {
        assert_eq!(ask(&server, PATHS[0], &[("host", host)]).await.status(), 200, "{host}");
    }
    let mut responses = Vec::new();
    for path in PATHS {
        responses.push(shown(ask(&server, path, &[("host", foreign[1])]).await).await);
    }
    settings().bind(|| insta::assert_snapshot!(responses.join("\n\n"), @r#"
    403 Forbidden
    content-type: application/json
    x-request-id: req-ID

    {"error":{"message":"the host name evil.example is not allowed: use localhost, or start the server with --allow-host evil.example","type":"invalid_request_error","param":null,"code":"host_not_allowed"}}

    403 Forbidden
    content-type: application/json
    x-request-id: req-ID

    {"error":"the host name evil.example is not allowed: use localhost, or start the server with --allow-host evil.example"}

    403 Forbidden
    content-type: application/json
    x-request-id: req-ID

    {"type":"error","error":{"type":"permission_error","message":"the host name evil.example is not allowed: use localhost, or start the server with --allow-host evil.example"}}
    "#));
}

/// CORS headers of a response.
fn cors_headers(headers: &HeaderMap) -> Vec<String> {
    let cors = headers.iter().filter(|(name, _)| name.as_str().starts_with("access-control-"));
    let mut lines: Vec<String> =
        cors.map(|(name, value)| format!("{name}: {}", value.to_str().expect("text"))).collect();
    lines.sort();
    lines
}

/// Sends the preflight request of a page of `origin`.
async fn preflight(server: &TestServer, origin: &str) -> Response {
    let url = format!("{}{}", server.url, PATHS[0]);
    let request = server
        .http
        .request(Method::OPTIONS, url)
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type");
    within(request.send()).await.expect("an answer")
}

#[tokio::test]
async fn a_foreign_origin_is_refused_unless_it_is_allowed() {
    let (server, engine) = server_with(Access::default()).await;
    let origin = "https://chat.example";
    for foreign in [origin, "null", "http://localhost:3000"] {
        let refused = ask(&server, PATHS[0], &[("origin", foreign)]).await;
        assert_eq!(
            (refused.status().as_u16(), cors_headers(refused.headers())),
            (403, vec![]),
            "{foreign}"
        );
        assert_eq!(cors_headers(preflight(&server, foreign).await.headers()), Vec::<String>::new());
    }
    assert!(engine.seen.borrow().is_none(), "no request reached the engine");
    let own = server.url.clone();
    assert_eq!(ask(&server, PATHS[0], &[("origin", &own)]).await.status(), 200);
    for both in [[own.as_str(), origin], [origin, own.as_str()]] {
        let both = both.map(|origin| ("origin", origin));
        assert_eq!(ask(&server, PATHS[0], &both).await.status(), 403, "{both:?}");
    }

    let origins = AllowedOrigins::new([origin]).expect("an origin");
    let (server, _engine) = server_with(Access { origins, ..with_keys() }).await;
    let allowed = preflight(&server, origin).await;
    assert_eq!(allowed.status(), 200);
    insta::assert_snapshot!(cors_headers(allowed.headers()).join("\n"), @r#"
    access-control-allow-headers: authorization,content-type
    access-control-allow-methods: GET,POST
    access-control-allow-origin: https://chat.example
    "#);
    let answered = ask(&server, PATHS[0], &[("origin", origin), ("x-api-key", "hs-one")]).await;
    assert_eq!(answered.status(), 200);
    insta::assert_snapshot!(cors_headers(answered.headers()).join("\n"), @r#"
    access-control-allow-origin: https://chat.example
    access-control-expose-headers: retry-after,x-harmonic-agent,x-harmonic-ignored,x-harmonic-queue-ms,x-harmonic-slot,x-request-id
    "#);
    // The page can read an error, too.
    let keyless = ask(&server, PATHS[0], &[("origin", origin)]).await;
    assert_eq!(keyless.status(), 401);
    assert_eq!(keyless.headers()["access-control-allow-origin"], origin);
    let other = ask(&server, PATHS[0], &[("origin", "https://chat.example.evil.example")]).await;
    assert_eq!(other.status(), 403);
}

#[test]
fn an_invalid_origin_is_named() {
    assert_eq!(
        AllowedOrigins::new(["*", "http://a:1", "chrome-extension://abc"]).map(drop).ok(),
        Some(())
    );
    for invalid in ["chat.example", "https://chat.example/", "://a", "https://a b", ""] {
        let error = AllowedOrigins::new([invalid]).expect_err(invalid).to_string();
        assert!(error.contains(&format!("`{invalid}`")), "{error}");
    }
}
