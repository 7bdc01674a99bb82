//! Server on a free port, for one test.

use std::sync::Arc;

use harmonic_api::Client;
use harmonic_engine::Engine;
use harmonic_gateway::{Access, AgentInfo, Config, ModelRegistry, RegisteredAgent, bind, serve};
use harmonic_types::Tokens;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use crate::scripted_engine::{ScriptedEngine, within};

/// Server with the agents `executive` and `coder`, both on one engine.
pub struct TestServer {
    pub url: String,
    pub http: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
}

pub fn models(engine: &Arc<ScriptedEngine>) -> ModelRegistry {
    let agents = ["executive", "coder"].map(|name| RegisteredAgent {
        name: name.into(),
        role: format!("the {name}"),
        model: "smollm2:135m".to_owned(),
        context: Tokens(2048),
        info: AgentInfo::default(),
        engine: Arc::clone(engine) as Arc<dyn Engine>,
        team: None,
    });
    ModelRegistry::new(agents.into()).expect("unique names")
}

impl TestServer {
    pub async fn new(engine: &Arc<ScriptedEngine>) -> Self {
        Self::with_config(engine, Config::default()).await
    }

    pub async fn with_config(engine: &Arc<ScriptedEngine>, config: Config) -> Self {
        Self::with_models(models(engine), config).await
    }

    pub async fn with_models(models: ModelRegistry, config: Config) -> Self {
        Self::with_access(Access::default(), models, config).await
    }

    pub async fn with_access(access: Access, models: ModelRegistry, config: Config) -> Self {
        let listener = bind(([127, 0, 0, 1], 0).into()).await.expect("a free port");
        let url = format!("http://{}", listener.address());
        let (stop, stopped) = oneshot::channel();
        let server = TaskTracker::new().spawn(async move {
            let stopped = async { drop(stopped.await) };
            serve(listener, models, access, config, stopped).await.expect("the socket works");
        });
        // Also sets up TLS for `reqwest::Client::new`.
        Client::new(&url).expect("a client");
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { url, http, stop: Some(stop), server }
    }

    /// Starts the shutdown of the server.
    pub fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits for the end of the server.
    pub async fn ended(self) {
        within(self.server).await.expect("no panic");
    }

    pub async fn post(&self, body: impl Into<reqwest::Body>) -> reqwest::Response {
        self.post_to("/v1/chat/completions", body).await
    }

    pub async fn post_to(&self, path: &str, body: impl Into<reqwest::Body>) -> reqwest::Response {
        let url = format!("{}{path}", self.url);
        within(self.http.post(url).body(body).send()).await.expect("an answer")
    }

    pub async fn get(&self, path: &str) -> reqwest::Response {
        within(self.http.get(format!("{}{path}", self.url)).send()).await.expect("an answer")
    }
}

/// Valid request, with the fields of `patch` replaced.
pub fn body(patch: &Value) -> String {
    let mut body = json!({"model": "coder", "messages": [{"role": "user", "content": "hi"}]});
    for (field, value) in patch.as_object().expect("a patch is an object") {
        body[field] = value.clone();
    }
    body.to_string()
}

/// Status, documented headers and body of a response.
pub async fn shown(response: reqwest::Response) -> String {
    let mut lines = vec![response.status().to_string()];
    for name in [
        "content-type",
        "cache-control",
        "x-accel-buffering",
        "retry-after",
        "allow",
        "www-authenticate",
        "x-request-id",
        "x-harmonic-agent",
        "x-harmonic-slot",
        "x-harmonic-queue-ms",
        "x-harmonic-ignored",
    ] {
        if let Some(value) = response.headers().get(name) {
            lines.push(format!("{name}: {}", value.to_str().expect("printable")));
        }
    }
    lines.push(String::new());
    lines.push(within(response.text()).await.expect("a whole body"));
    lines.join("\n")
}

/// Snapshot settings that replace ids and times.
pub fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"chatcmpl-[0-9a-f]+-\d+", "chatcmpl-ID");
    settings.add_filter(r"(msg_|resp_|rs_|fc_|cmpl-)[0-9a-f]+-\d+", "${1}ID");
    settings.add_filter(r"req-[0-9a-f]+-\d+", "req-ID");
    settings.add_filter(r#""(created|created_at)":\d+"#, r#""$1":TIME"#);
    settings.add_filter(r#""(created_at|modified_at)":"[^"]+""#, r#""$1":"TIME""#);
    settings.add_filter(r#""(\w+_duration)":\d+"#, r#""$1":NANOSECONDS"#);
    settings
}
