//! `GET /`: what this server is, and where to go: a page for a browser, JSON for a program that
//! asks for it, else text whose first line Ollama's clients recognise.
//!
//! Invariant: a client without a key, where one is needed, reads nothing about the team.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::accept_header;
use crate::model_registry::RegisteredAgent;
use crate::respond::json;
use crate::shared::Shared;

mod page;

/// Path of this document.
const PATH: &str = "/";

/// Name of the program.
const NAME: &str = "Harmonic Stack";

/// First line of the text; Ollama's clients look for its beginning.
const OLLAMA_LINE: &str = "Ollama is running, spoken by Harmonic Stack";

/// Base paths of the dialects, with what serves as the base URL of a client.
const DIALECTS: [Endpoint; 3] = [
    Endpoint { name: "OpenAI", base: "/v1", path: "/v1/chat/completions" },
    Endpoint { name: "Ollama", base: "/", path: "/api/chat" },
    Endpoint { name: "Anthropic", base: "/", path: "/v1/messages" },
];

/// Paths about the server, and what they are for.
const PATHS: [(&str, &str); 6] = [
    ("/v1/models", "the agents, as models"),
    ("/openapi.json", "description of the API"),
    ("/health", "state of every engine"),
    ("/slots", "slots of every agent, and queued requests"),
    ("/events", "what happens in the team"),
    ("/metrics", "metrics for Prometheus"),
];

/// Documents of the project that describe it.
const DOCUMENTS: [(&str, &str); 2] = [
    ("docs/clients.md", "configuration of clients"),
    ("docs/api.md", "supported fields of each dialect"),
];

const HTML: &str = "text/html";
const JSON: &str = "application/json";
const TEXT: &str = "text/plain";

/// Endpoint of one dialect.
#[derive(Clone, Copy, Debug, Serialize)]
struct Endpoint {
    name: &'static str,
    /// Path of the base URL that a client is given.
    base: &'static str,
    /// Path of chats.
    path: &'static str,
}

/// The JSON form.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    name: &'static str,
    version: &'static str,
    needs_key: bool,
    agents: Vec<Agent<'a>>,
    endpoints: [Endpoint; 3],
    paths: Vec<Link>,
    documents: Vec<Link>,
}

#[derive(Serialize)]
struct Agent<'a> {
    name: &'a str,
    role: &'a str,
}

#[derive(Serialize)]
struct Link {
    path: &'static str,
    about: &'static str,
}

fn links(all: &[(&'static str, &'static str)]) -> Vec<Link> {
    all.iter().map(|(path, about)| Link { path, about }).collect()
}

/// Whether a browser asks for this document.
pub(crate) fn asks_for_page(request: &Request) -> bool {
    request.uri().path() == PATH
        && accept_header::preferred(request.headers(), &[HTML, JSON, TEXT]) == Some(HTML)
}

/// Describes the server.
pub(crate) async fn root(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let models = shared.models();
    let agents = models.agents();
    let mut response = match accept_header::preferred(&headers, &[HTML, JSON, TEXT]) {
        Some(HTML) => html(StatusCode::OK, page::of_team(agents)),
        Some(JSON) => json(StatusCode::OK, &document(agents, shared.access.keys.is_some())),
        _ => text(agents).into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("accept"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The page of a browser without a valid key: what this is, and nothing about the team.
pub(crate) fn locked() -> Response {
    let mut response = html(StatusCode::UNAUTHORIZED, page::locked());
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

fn document(agents: &[RegisteredAgent], needs_key: bool) -> Document<'_> {
    Document {
        schema: "harmonic.server/1",
        name: NAME,
        version: env!("CARGO_PKG_VERSION"),
        needs_key,
        agents: agents
            .iter()
            .map(|agent| Agent { name: &agent.name.0, role: &agent.role })
            .collect(),
        endpoints: DIALECTS,
        paths: links(&PATHS),
        documents: links(&DOCUMENTS),
    }
}

fn text(agents: &[RegisteredAgent]) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut lines = vec![
        OLLAMA_LINE.to_owned(),
        String::new(),
        format!("{NAME} {version}: a team of local agents, each of them a model:"),
    ];
    lines.extend(agents.iter().map(|agent| format!("  {}: {}", agent.name, agent.role)));
    lines.push(String::new());
    let endpoint = |endpoint: &Endpoint| format!("  {:<9}  POST {}", endpoint.name, endpoint.path);
    lines.extend(DIALECTS.iter().map(endpoint));
    lines.push(String::new());
    let link = |(path, about): &(&str, &str)| format!("  {path:<15}  {about}");
    lines.extend(PATHS.iter().chain(&DOCUMENTS).map(link));
    lines.join("\n") + "\n"
}

fn html(status: StatusCode, page: String) -> Response {
    // No script, and nothing from elsewhere: names in the page come from a stack file.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy)),
        (HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff")),
    ];
    (status, headers, page).into_response()
}
