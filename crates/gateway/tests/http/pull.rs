//! `POST /api/pull`: permission and limits of pulls.

use std::sync::Arc;

use futures::stream::{self, BoxStream, StreamExt};
use harmonic_api::ollama::Progress;
use harmonic_gateway::{
    Access, ApiKey, Config, Fingerprint, Keys, MAX_PULLS, PullFailed, PullRefused, Puller,
};
use harmonic_types::Bytes;
use serde_json::json;

use crate::scripted_engine::{Script, ScriptedEngine, within};
use crate::test_server::{TestServer, models, settings, shown};

/// Puller that refuses `forbidden`, knows one model, and never finishes `endless`.
struct OneModel;

impl Puller for OneModel {
    fn allows(&self, model: &str) -> Result<(), PullRefused> {
        match model {
            "forbidden" => Err(PullRefused("not for clients".to_owned())),
            _ => Ok(()),
        }
    }

    fn pull(&self, model: String) -> BoxStream<'static, Result<Progress, PullFailed>> {
        let progress = |status: &str, completed| Progress {
            status: status.to_owned(),
            digest: Some("sha256:00".to_owned()),
            total: Some(Bytes(2)),
            completed: Some(Bytes(completed)),
        };
        let first = stream::iter([Ok(progress("pulling", 1))]);
        match model.as_str() {
            "gemma3:270m" => first.chain(stream::iter([Ok(progress("pulling", 2))])).boxed(),
            "endless" => first.chain(stream::pending()).boxed(),
            other => {
                let failed = PullFailed(format!("no model is called `{other}`"));
                first.chain(stream::iter([Err(failed)])).boxed()
            }
        }
    }
}

async fn server_with_puller(access: Access) -> TestServer {
    let engine = ScriptedEngine::new(Script::Queue);
    let models = models(&engine).with_puller(Arc::new(OneModel));
    TestServer::with_access(access, models, Config::default()).await
}

#[tokio::test]
async fn models_are_pulled_through_the_puller() {
    let server = server_with_puller(Access::default()).await;
    let mut all = Vec::new();
    for body in [
        json!({"model": "gemma3:270m"}),
        json!({"model": "gemma3:270m", "stream": false}),
        json!({"name": "gpt:5", "model": ""}),
        json!({"name": "gpt:5", "stream": false}),
        json!({}),
        json!({"model": "forbidden"}),
    ] {
        all.push(shown(server.post_to("/api/pull", body.to_string()).await).await);
    }
    settings().bind(|| {
        insta::assert_snapshot!(all.join("\n\n"), @r#"
        200 OK
        content-type: application/x-ndjson
        x-request-id: req-ID

        {"status":"pulling","digest":"sha256:00","total":2,"completed":1}
        {"status":"pulling","digest":"sha256:00","total":2,"completed":2}
        {"status":"success"}


        200 OK
        content-type: application/json
        x-request-id: req-ID

        {"status":"success"}

        200 OK
        content-type: application/x-ndjson
        x-request-id: req-ID

        {"status":"pulling","digest":"sha256:00","total":2,"completed":1}
        {"error":"cannot pull the model: no model is called `gpt:5`"}


        424 Failed Dependency
        content-type: application/json
        x-request-id: req-ID

        {"error":"cannot pull the model: no model is called `gpt:5`"}

        400 Bad Request
        content-type: application/json
        x-request-id: req-ID

        {"error":"`model` must name a model"}

        403 Forbidden
        content-type: application/json
        x-request-id: req-ID

        {"error":"not for clients"}
        "#);
    });
}

#[tokio::test]
async fn without_a_puller_only_a_served_model_succeeds() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Queue)).await;
    for offered in ["coder", "coder:latest", "smollm2:135m"] {
        let body = json!({"model": offered}).to_string();
        let reply = shown(server.post_to("/api/pull", body).await).await;
        assert!(
            reply.starts_with("200 OK") && reply.ends_with("{\"status\":\"success\"}\n"),
            "{reply}"
        );
    }
    let body = json!({"model": "qwen3:4b"}).to_string();
    let reply = shown(server.post_to("/api/pull", body).await).await;
    settings().bind(|| insta::assert_snapshot!(reply, @r#"
    403 Forbidden
    content-type: application/json
    x-request-id: req-ID

    {"error":"pulls by clients are disabled: `harmonic up --allow-pull` allows models of the catalog, --allow-pull=any any model of the hub; `harmonic models pull` on the server's machine fetches one"}
    "#));
}

/// Begins a pull that never ends; it runs as long as the response is held.
async fn endless(server: &TestServer, key: &str) -> reqwest::Response {
    let url = format!("{}/api/pull", server.url);
    let body = json!({"model": "endless"}).to_string();
    let asked = server.http.post(url).header("x-api-key", key).body(body).send();
    within(asked).await.expect("an answer")
}

/// Retries until the pull is accepted: the server notices a disconnect at its next write.
async fn accepted(server: &TestServer, key: &str) -> reqwest::Response {
    loop {
        let answer = endless(server, key).await;
        if answer.status() == 200 {
            return answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_key_has_one_pull_at_a_time_and_all_keys_two() {
    let key = |name: &str| ApiKey {
        name: name.to_owned(),
        fingerprint: Fingerprint::of(name),
        per_minute: None,
        may_approve_commands: false,
    };
    let names = ["one", "two", "three"];
    let keys = Arc::new(Keys::new(names.map(key)));
    let server =
        server_with_puller(Access { keys: Some(Arc::new(keys)), ..Access::default() }).await;
    let first = endless(&server, "one").await;
    assert_eq!(first.status(), 200);
    let again = shown(endless(&server, "one").await).await;
    settings().bind(|| {
        insta::assert_snapshot!(again, @r#"
    429 Too Many Requests
    content-type: application/json
    retry-after: 60
    x-request-id: req-ID

    {"error":"a pull is under way: clients have one at a time, and all keys together 2"}
    "#);
    });
    let second = endless(&server, "two").await;
    assert_eq!((second.status().as_u16(), MAX_PULLS), (200, 2));
    assert_eq!(endless(&server, "three").await.status(), 429);
    drop(first);
    within(accepted(&server, "three")).await;
    drop(second);
    within(accepted(&server, "two")).await;
}
