//! Who comes in, and what the others are told.

use std::num::NonZeroU32;
use std::sync::Arc;

use harmonic_gateway::{Access, AllowedHosts, AllowedOrigins, ApiKey, Config, Fingerprint, Keys};
use reqwest::header::HeaderMap;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::scripted::{Script, Scripted, answer, within};
use crate::served::{Served, body, models, settings, shown};

const PATHS: [&str; 3] = ["/v1/chat/completions", "/api/chat", "/v1/messages"];

fn key(name: &str, text: &str, per_minute: Option<u32>) -> ApiKey {
    ApiKey {
        name: name.to_owned(),
        fingerprint: Fingerprint::of(text),
        per_minute: per_minute.and_then(NonZeroU32::new),
    }
}

fn with_keys() -> Access {
    let keys = Keys::new([key("laptop", "hs-one", None), key("phone", "hs-two", Some(2))]);
    Access { keys: Some(Arc::new(Arc::new(keys))), ..Access::default() }
}

/// A server with that door, and an engine that answers.
async fn behind(access: Access) -> (Served, Arc<Scripted>) {
    let engine = Scripted::new(Script::Say(answer()));
    let served = Served::open_to(access, models(&engine), Config::default()).await;
    (served, engine)
}

/// Asks the agent at `path`.
async fn ask(served: &Served, path: &str, headers: &[(&'static str, &str)]) -> Response {
    let mut request = served.http.post(format!("{}{path}", served.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = body(&json!({"max_tokens": 9, "stream": false}));
    within(request.body(body).send()).await.expect("an answer")
}

#[tokio::test]
async fn without_a_key_nothing_is_done_in_any_dialect() {
    let (served, engine) = behind(with_keys()).await;
    let mut said = Vec::new();
    for path in PATHS {
        said.push(shown(ask(&served, path, &[]).await).await);
    }
    said.push(shown(ask(&served, PATHS[0], &[("authorization", "Bearer hs-on")]).await).await);
    assert!(engine.seen.borrow().is_none(), "nobody was asked");
    settings().bind(|| insta::assert_snapshot!(said.join("\n\n"), @r#"
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
    for path in ["/v1/models", "/slots", "/openapi.json", "/", "/nowhere"] {
        assert_eq!(served.get(path).await.status(), 401, "{path}");
    }
    for path in ["/health", "/ready"] {
        assert_eq!(served.get(path).await.status(), 200, "{path}");
    }
}

#[tokio::test]
async fn a_key_lets_in_however_it_is_sent() {
    let (served, _engine) = behind(with_keys()).await;
    for path in PATHS {
        for header in [
            ("authorization", "Bearer hs-one"),
            ("authorization", "bearer  hs-one "),
            ("x-api-key", "hs-one"),
        ] {
            assert_eq!(ask(&served, path, &[header]).await.status(), 200, "{path} {header:?}");
        }
        for header in [
            ("authorization", "hs-one"),
            ("authorization", "Basic hs-one"),
            ("authorization", "Bearer"),
            ("x-api-key", ""),
            ("x-api-key", "HS-ONE"),
            ("x-api-key", "hs-one hs-two"),
        ] {
            assert_eq!(ask(&served, path, &[header]).await.status(), 401, "{path} {header:?}");
        }
    }
}

#[tokio::test]
async fn the_document_says_that_a_key_is_needed() {
    for (access, says) in [(with_keys(), true), (Access::default(), false)] {
        let (served, _engine) = behind(access).await;
        let url = format!("{}/openapi.json", served.url);
        let asked = served.http.get(url).header("x-api-key", "hs-one").send();
        let document: Value = within(asked).await.expect("an answer").json().await.expect("JSON");
        let schemes = &document["components"]["securitySchemes"];
        assert_eq!(schemes["bearer"]["scheme"] == "bearer", says);
        assert_eq!(document["security"].is_array(), says);
        assert_eq!(document["paths"]["/ready"]["get"]["security"] == json!([]), says);
        assert!(document["paths"]["/slots"]["get"]["security"].is_null());
    }
}

#[tokio::test]
async fn a_key_with_a_limit_has_it_to_itself() {
    let (served, _engine) = behind(with_keys()).await;
    let phone = [("x-api-key", "hs-two")];
    for _ in 0..2 {
        assert_eq!(ask(&served, PATHS[0], &phone).await.status(), 200);
    }
    let mut said = Vec::new();
    for path in PATHS {
        said.push(shown(ask(&served, path, &phone).await).await);
    }
    settings().bind(|| insta::assert_snapshot!(said.join("\n\n"), @r#"
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
    assert_eq!(ask(&served, PATHS[0], &[("x-api-key", "hs-one")]).await.status(), 200);
}

#[tokio::test]
async fn a_name_that_is_not_ours_is_a_rebound_one() {
    let hosts = AllowedHosts::Local { extra: vec!["box.lan".to_owned()] };
    let (served, engine) = behind(Access { hosts, ..Access::default() }).await;
    let foreign =
        ["evil.example", "evil.example:4276", "localhost.evil.example", "127.0.0.1.nip.io"];
    for host in foreign {
        assert_eq!(ask(&served, PATHS[0], &[("host", host)]).await.status(), 403, "{host}");
    }
    assert!(engine.seen.borrow().is_none(), "nobody was asked");
    let ours =
        ["localhost", "LocalHost:1", "a.localhost", "127.0.0.1:4276", "[::1]:1", "Box.lan:80"];
    for host in ours {
        assert_eq!(ask(&served, PATHS[0], &[("host", host)]).await.status(), 200, "{host}");
    }
    let mut said = Vec::new();
    for path in PATHS {
        said.push(shown(ask(&served, path, &[("host", foreign[1])]).await).await);
    }
    settings().bind(|| insta::assert_snapshot!(said.join("\n\n"), @r#"
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

/// What a browser is told, of what it looks at.
fn told(headers: &HeaderMap) -> Vec<String> {
    let cors = headers.iter().filter(|(name, _)| name.as_str().starts_with("access-control-"));
    let mut told: Vec<String> =
        cors.map(|(name, value)| format!("{name}: {}", value.to_str().expect("text"))).collect();
    told.sort();
    told
}

/// Asks as a browser does before a page of `origin` may.
async fn may(served: &Served, origin: &str) -> Response {
    let url = format!("{}{}", served.url, PATHS[0]);
    let request = served
        .http
        .request(Method::OPTIONS, url)
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type");
    within(request.send()).await.expect("an answer")
}

#[tokio::test]
async fn no_page_of_another_site_may_ask_unless_it_is_named() {
    let (served, engine) = behind(Access::default()).await;
    let origin = "https://chat.example";
    for foreign in [origin, "null", "http://localhost:3000"] {
        let refused = ask(&served, PATHS[0], &[("origin", foreign)]).await;
        assert_eq!(
            (refused.status().as_u16(), told(refused.headers())),
            (403, vec![]),
            "{foreign}"
        );
        assert_eq!(told(may(&served, foreign).await.headers()), Vec::<String>::new());
    }
    assert!(engine.seen.borrow().is_none(), "nobody was asked");
    let own = served.url.clone();
    assert_eq!(ask(&served, PATHS[0], &[("origin", &own)]).await.status(), 200);

    let origins = AllowedOrigins::new([origin]).expect("an origin");
    let (served, _engine) = behind(Access { origins, ..with_keys() }).await;
    let allowed = may(&served, origin).await;
    assert_eq!(allowed.status(), 200);
    insta::assert_snapshot!(told(allowed.headers()).join("\n"), @r#"
    access-control-allow-headers: authorization,content-type
    access-control-allow-methods: GET,POST
    access-control-allow-origin: https://chat.example
    "#);
    let answered = ask(&served, PATHS[0], &[("origin", origin), ("x-api-key", "hs-one")]).await;
    assert_eq!(answered.status(), 200);
    insta::assert_snapshot!(told(answered.headers()).join("\n"), @r#"
    access-control-allow-origin: https://chat.example
    access-control-expose-headers: retry-after,x-harmonic-agent,x-harmonic-ignored,x-harmonic-queue-ms,x-harmonic-slot,x-request-id
    "#);
    // A refusal can be read by the page, too.
    let keyless = ask(&served, PATHS[0], &[("origin", origin)]).await;
    assert_eq!(keyless.status(), 401);
    assert_eq!(keyless.headers()["access-control-allow-origin"], origin);
    let other = ask(&served, PATHS[0], &[("origin", "https://chat.example.evil.example")]).await;
    assert_eq!(other.status(), 403);
}

#[test]
fn what_is_no_origin_is_named() {
    assert_eq!(
        AllowedOrigins::new(["*", "http://a:1", "chrome-extension://abc"]).map(drop).ok(),
        Some(())
    );
    for wrong in ["chat.example", "https://chat.example/", "://a", "https://a b", ""] {
        let error = AllowedOrigins::new([wrong]).expect_err(wrong).to_string();
        assert!(error.contains(&format!("`{wrong}`")), "{error}");
    }
}
