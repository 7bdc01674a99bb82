//! State shared by all requests.
//!
//! Invariant: only handlers and middleware use it; its parts do not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use harmonic_types::RequestId;

use crate::access::Access;
use crate::body::BodyReader;
use crate::config::Config;
use crate::error::GatewayError;
use crate::metrics::Metrics;
use crate::model_registry::ModelRegistry;
use crate::pull_limit::ActivePulls;
use crate::responses::BackgroundResponses;

/// State shared by all requests.
#[derive(Debug)]
pub(crate) struct Shared {
    models: Arc<ModelRegistry>,
    pub(crate) access: Arc<Access>,
    pub(crate) config: Config,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) pulls: Arc<ActivePulls>,
    pub(crate) bodies: BodyReader,
    pub(crate) responses: Arc<BackgroundResponses>,
    /// Start of the server, in seconds since 1970.
    pub(crate) started: u64,
    next: AtomicU64,
}

impl Shared {
    /// # Errors
    /// When threads cannot be started.
    pub(crate) fn new(
        models: ModelRegistry,
        access: Access,
        config: Config,
    ) -> Result<Arc<Self>, GatewayError> {
        let bodies = BodyReader::new(&config)?;
        Ok(Arc::new(Self {
            models: Arc::new(models),
            access: Arc::new(access),
            config,
            metrics: Arc::new(Metrics::new()),
            pulls: Arc::default(),
            bodies,
            responses: Arc::default(),
            started: unix_now(),
            next: AtomicU64::new(1),
        }))
    }

    /// The current registry. A request keeps the one it began with, so that a reload can replace
    /// it.
    pub(crate) fn models(&self) -> Arc<ModelRegistry> {
        Arc::clone(&self.models)
    }

    /// A new request id, unique in this process.
    pub(crate) fn next_id(&self) -> RequestId {
        RequestId(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Id of an answer without the dialect's prefix; it has the start time, because request ids
    /// begin at 1 after a restart.
    pub(crate) fn answer_name(&self, id: RequestId) -> String {
        format!("{:x}-{id}", self.started)
    }
}

/// Seconds since 1970; 0 if the clock is set before.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
