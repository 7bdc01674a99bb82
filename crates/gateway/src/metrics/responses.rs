//! Counter of HTTP responses by route and status.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::Metrics;

/// Label of a request that matches no route.
const NO_ROUTE: &str = "other";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    http_route: String,
    http_response_status_code: u16,
}

/// Responses by route and status.
#[derive(Debug)]
pub(super) struct Responses {
    count: Family<Labels, Counter>,
}

impl Responses {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let count = Family::default();
        let help = "Responses by route and status";
        registry.register("harmonic_http_responses", help, count.clone());
        Self { count }
    }
}

/// Middleware: counts the response.
pub(crate) async fn count(
    State(metrics): State<Arc<Metrics>>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let labels = Labels {
        http_route: path.as_ref().map_or(NO_ROUTE, MatchedPath::as_str).to_owned(),
        http_response_status_code: response.status().as_u16(),
    };
    metrics.responses.count.get_or_create(&labels).inc();
    response
}
