//! What all requests share.
//!
//! Invariant: what it is made of does not know it; only handlers do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use harmonic_types::RequestId;

use crate::access::Access;
use crate::body::Bodies;
use crate::config::Config;
use crate::error::GatewayError;
use crate::metrics::Metrics;
use crate::model_registry::ModelRegistry;
use crate::pulls::Pulls;

/// What all requests share.
#[derive(Debug)]
pub(crate) struct Shared {
    models: Arc<ModelRegistry>,
    pub(crate) access: Arc<Access>,
    pub(crate) config: Config,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) pulls: Arc<Pulls>,
    pub(crate) bodies: Bodies,
    /// Seconds since 1970 at which the server started.
    pub(crate) started: u64,
    next: AtomicU64,
}

impl Shared {
    /// # Errors
    /// When the system refuses threads.
    pub(crate) fn new(
        models: ModelRegistry,
        access: Access,
        config: Config,
    ) -> Result<Arc<Self>, GatewayError> {
        let bodies = Bodies::new(&config)?;
        Ok(Arc::new(Self {
            models: Arc::new(models),
            access: Arc::new(access),
            config,
            metrics: Arc::new(Metrics::new()),
            pulls: Arc::default(),
            bodies,
            started: unix_now(),
            next: AtomicU64::new(1),
        }))
    }

    /// The agents at this moment. A request keeps the registry it began with, so that a later
    /// reload can put another in its place.
    pub(crate) fn models(&self) -> Arc<ModelRegistry> {
        Arc::clone(&self.models)
    }

    /// An id that no other request of this process has.
    pub(crate) fn next_id(&self) -> RequestId {
        RequestId(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Name of an answer, without its dialect's prefix: unique across restarts, because ids begin
    /// again at 1.
    pub(crate) fn answer_name(&self, id: RequestId) -> String {
        format!("{:x}-{id}", self.started)
    }
}

/// Seconds since 1970; 0 on a clock that is set before.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
