//! `POST /api/pull`: models are fetched by the [`crate::Puller`] that the server was given.
//!
//! A model that has been fetched is in the store; agents are what the stack says, so none is added.

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
use harmonic_api::ollama::{Progress, PullBody};
use harmonic_api::{Dialect, Invalid, ndjson, read};

use crate::api_error::ApiError;
use crate::body;
use crate::puller::PullFailed;
use crate::respond::json;
use crate::shared::Shared;

/// Fetches a model.
pub(crate) async fn pull(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Response, ApiError> {
    let body: PullBody = read(&body::read(&shared, request).await?)?;
    let model = body.model.or(body.name).filter(|model| !model.is_empty());
    let model = model.ok_or_else(|| Invalid::Value {
        param: "model".to_owned(),
        reason: "must name a model".to_owned(),
    })?;
    let roster = shared.roster();
    let puller = roster.puller().ok_or(ApiError::NoPuller)?;
    let progress = puller.pull(model).chain(stream::iter([Ok(success())]));
    if body.stream.unwrap_or(true) {
        return Ok(streamed(progress.boxed()));
    }
    let last = progress.try_fold(success(), async |_, progress| Ok(progress)).await;
    let last = last.map_err(|PullFailed(message)| ApiError::PullFailed { message })?;
    Ok(json(StatusCode::OK, &last))
}

/// What the last line says.
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
            ndjson::write_fault(&mut out, Dialect::Ollama, &error.fault());
        }
    }
    out.freeze()
}
