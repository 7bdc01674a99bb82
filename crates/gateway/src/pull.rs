//! `POST /api/pull`: pull of a model through the server's [`crate::Puller`].
//!
//! Invariants: only models that the puller allows are fetched; a key has one pull at a time, all
//! keys together [`crate::MAX_PULLS`]; a client that disconnects cancels its pull.
//!
//! A pulled model is in the store; no agent is added, because agents come from the stack.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use harmonic_api::ollama::{Progress, PullBody, model_or_name};
use harmonic_api::{Dialect, ValidationError, ndjson};

use crate::access::Caller;
use crate::api_error::ApiError;
use crate::model_registry::ModelRegistry;
use crate::pull_limit::PullPermit;
use crate::puller::PullFailed;
use crate::respond::json;
use crate::shared::Shared;

/// Pulls a model.
pub(crate) async fn pull(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Response, ApiError> {
    let key = request.extensions().get::<Caller>().map(|caller| Arc::clone(&caller.name));
    let body: PullBody = shared.bodies.json(request, Ok).await?;
    let model = model_or_name(body.model, body.name);
    if model.is_empty() {
        let (param, reason) = ("model".to_owned(), "must name a model".to_owned());
        return Err(ValidationError::Value { param, reason }.into());
    }
    let models = shared.models();
    let progress = if is_offered(&models, &model) {
        stream::iter([Ok(success())]).boxed()
    } else {
        let puller = models.puller().ok_or(ApiError::PullsDisabled)?;
        puller.allows(&model).map_err(|refused| ApiError::PullRefused { message: refused.0 })?;
        let permit = PullPermit::acquire(&shared.pulls, key)?;
        let end = stream::once(async move {
            // Released here, or with the stream.
            drop(permit);
            Ok(success())
        });
        puller.pull(model).chain(end).boxed()
    };
    if body.stream.unwrap_or(true) {
        return Ok(streamed(progress));
    }
    let last = progress.try_fold(success(), async |_, progress| Ok(progress)).await;
    let last = last.map_err(|PullFailed(message)| ApiError::PullFailed { message })?;
    Ok(json(StatusCode::OK, &last))
}

/// Whether `model` is an agent or the base model of one, which `/api/tags` lists: clients pull a
/// model before they use it. A path of this machine is never offered.
fn is_offered(models: &ModelRegistry, model: &str) -> bool {
    let name = model.strip_suffix(":latest").unwrap_or(model);
    models.agents().iter().any(|agent| {
        agent.name.0 == name || (agent.model == model && !agent.model.contains(['/', '\\']))
    })
}

/// Last line of a successful pull.
fn success() -> Progress {
    Progress { status: "success".to_owned(), digest: None, total: None, completed: None }
}

fn streamed(progress: BoxStream<'static, Result<Progress, PullFailed>>) -> Response {
    let lines = progress.scan(false, |failed, progress| {
        let line = (!*failed).then(|| line(progress.as_ref()));
        *failed |= progress.is_err();
        futures::future::ready(line)
    });
    let mut response = Response::new(Body::from_stream(lines.map(Ok::<_, Infallible>)));
    let media_type = HeaderValue::from_static(ndjson::MEDIA_TYPE);
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}

fn line(progress: Result<&Progress, &PullFailed>) -> Bytes {
    let mut out = BytesMut::new();
    match progress {
        Ok(progress) => ndjson::write(&mut out, progress),
        Err(PullFailed(message)) => {
            let error = ApiError::PullFailed { message: message.clone() };
            ndjson::write_error(&mut out, Dialect::Ollama, &error.wire_error());
        }
    }
    out.freeze()
}
