//! `POST /api/pull`: who may have what fetched, and how much at a time.

use std::sync::Arc;

use futures::stream::{self, BoxStream, StreamExt};
use harmonic_api::ollama::Progress;
use harmonic_gateway::{
    Access, ApiKey, Config, Fingerprint, Keys, MAX_PULLS, PullFailed, PullRefused, Puller,
};
use harmonic_types::Bytes;
use serde_json::json;

use crate::scripted::{Script, Scripted, within};
use crate::served::{Served, models, settings, shown};

/// May fetch what is not called `forbidden`, knows one model, and never ends with another.
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

async fn pulling(access: Access) -> Served {
    let engine = Scripted::new(Script::Queue);
    let models = models(&engine).with_puller(Arc::new(OneModel));
    Served::open_to(access, models, Config::default()).await
}

#[tokio::test]
async fn models_are_pulled_by_who_can() {
    let served = pulling(Access::default()).await;
    let mut all = Vec::new();
    for body in [
        json!({"model": "gemma3:270m"}),
        json!({"model": "gemma3:270m", "stream": false}),
        json!({"name": "gpt:5", "model": ""}),
        json!({"name": "gpt:5", "stream": false}),
        json!({}),
        json!({"model": "forbidden"}),
    ] {
        all.push(shown(served.post_to("/api/pull", body.to_string()).await).await);
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
async fn without_a_puller_only_what_is_offered_succeeds() {
    let served = Served::new(&Scripted::new(Script::Queue)).await;
    for offered in ["coder", "coder:latest", "smollm2:135m"] {
        let body = json!({"model": offered}).to_string();
        let said = shown(served.post_to("/api/pull", body).await).await;
        assert!(
            said.starts_with("200 OK") && said.ends_with("{\"status\":\"success\"}\n"),
            "{said}"
        );
    }
    let body = json!({"model": "qwen3:4b"}).to_string();
    let said = shown(served.post_to("/api/pull", body).await).await;
    settings().bind(|| insta::assert_snapshot!(said, @r#"
    403 Forbidden
    content-type: application/json
    x-request-id: req-ID

    {"error":"pulls by clients are disabled: `harmonic up --allow-pull` allows models of the catalog, --allow-pull=any any model of the hub; `harmonic models pull` on the server's machine fetches one"}
    "#));
}

/// Begins a pull that never ends; the answer is open for as long as it is kept.
async fn endless(served: &Served, key: &str) -> reqwest::Response {
    let url = format!("{}/api/pull", served.url);
    let body = json!({"model": "endless"}).to_string();
    let asked = served.http.post(url).header("x-api-key", key).body(body).send();
    within(asked).await.expect("an answer")
}

/// The same until it is let in: the server learns of a client's end when it writes.
async fn let_in(served: &Served, key: &str) -> reqwest::Response {
    loop {
        let answer = endless(served, key).await;
        if answer.status() == 200 {
            return answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_key_has_one_pull_at_a_time_and_all_together_few() {
    let key = |name: &str| ApiKey {
        name: name.to_owned(),
        fingerprint: Fingerprint::of(name),
        per_minute: None,
    };
    let names = ["one", "two", "three"];
    let keys = Arc::new(Keys::new(names.map(key)));
    let served = pulling(Access { keys: Some(Arc::new(keys)), ..Access::default() }).await;
    let first = endless(&served, "one").await;
    assert_eq!(first.status(), 200);
    let again = shown(endless(&served, "one").await).await;
    settings().bind(|| {
        insta::assert_snapshot!(again, @r#"
    429 Too Many Requests
    content-type: application/json
    retry-after: 60
    x-request-id: req-ID

    {"error":"a pull is under way: clients have one at a time, and all keys together 2"}
    "#);
    });
    let second = endless(&served, "two").await;
    assert_eq!((second.status().as_u16(), MAX_PULLS), (200, 2));
    assert_eq!(endless(&served, "three").await.status(), 429);
    drop(first);
    within(let_in(&served, "three")).await;
    drop(second);
    within(let_in(&served, "two")).await;
}
