//! Routes of A2A: the team's card, and JSON-RPC over its runs.
//!
//! Invariants: as of runs. An error of a method is a JSON-RPC error with the status 200; what is no
//! method's (keys, bodies, a full server) has the statuses of all other paths.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, HOST};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use harmonic_api::a2a::RpcRequest;

use super::owner;
use crate::a2a::{self, Answer, PATH, Team};
use crate::access::Caller;
use crate::api_error::ApiError;
use crate::respond::json;
use crate::run_header::run_token;
use crate::shared::Shared;

/// Header with the version of the protocol that the client speaks.
const A2A_VERSION: HeaderName = HeaderName::from_static("a2a-version");

/// Header in which a proxy says how its client reached it.
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Routes of A2A.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/.well-known/agent-card.json", get(card)).route("/a2a", post(call))
}

async fn card(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Result<Response, ApiError> {
    let models = shared.models();
    models.runs().ok_or(ApiError::RunsDisabled)?;
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(HOST).unwrap_or("localhost");
    let scheme = if text(FORWARDED_PROTO) == Some("https") { "https" } else { "http" };
    let card = a2a::card(&models, format!("{scheme}://{host}{PATH}"));
    let card = if shared.access.keys.is_some() { card.with_keys() } else { card };
    let mut response = json(StatusCode::OK, &card);
    // It has the address by which this client reached the server.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, max-age=60"));
    Ok(response)
}

async fn call(
    State(shared): State<Arc<Shared>>,
    caller: Option<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let models = shared.models();
    let runs = models.runs().cloned().ok_or(ApiError::RunsDisabled)?;
    let version = version(&request);
    let within = run_token(request.headers())?;
    let read = shared.bodies.read(request, |body| Ok(RpcRequest::read(body))).await?;
    let request = match read {
        Ok(request) => request,
        Err(response) => return Ok(json(StatusCode::OK, &response)),
    };
    let id = request.id.clone();
    if let Err(error) = a2a::check_version(version.as_deref()) {
        return Ok(json(StatusCode::OK, &error.of(id)));
    }
    let (owner, ping) = (owner(caller.as_ref()), shared.config.ping);
    let team = Team { models, runs, owner, within, ping };
    match team.call(request).await? {
        Answer::Document(response) => Ok(json(StatusCode::OK, &response)),
        Answer::Stream(response) => Ok(response),
    }
}

/// The version that the client speaks, by its header or its query.
fn version(request: &Request) -> Option<String> {
    let header = request.headers().get(A2A_VERSION);
    let header = header.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let in_query = || {
        let pairs = request.uri().query()?.split('&').filter_map(|pair| pair.split_once('='));
        let mut found = pairs.filter(|(name, _)| name.eq_ignore_ascii_case(A2A_VERSION.as_str()));
        found.next().map(|(_, value)| value.to_owned())
    };
    header.or_else(in_query)
}
