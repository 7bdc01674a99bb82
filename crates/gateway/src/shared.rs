//! What all requests share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use harmonic_engine::Workers;
use harmonic_types::RequestId;

use crate::access::Access;
use crate::body::{MEDIUM_BYTES, Rooms};
use crate::config::Config;
use crate::error::GatewayError;
use crate::metrics::Metrics;
use crate::pull::Pulls;
use crate::roster::Roster;

/// What all requests share.
#[derive(Debug)]
pub(crate) struct Shared {
    roster: Arc<Roster>,
    pub(crate) access: Access,
    pub(crate) config: Config,
    pub(crate) metrics: Metrics,
    pub(crate) pulls: Pulls,
    /// Memory for bodies.
    pub(crate) rooms: Rooms,
    /// Where large bodies are read.
    pub(crate) readers: Workers,
    /// Seconds since 1970 at which the server started.
    pub(crate) started: u64,
    next: AtomicU64,
}

impl Shared {
    /// # Errors
    /// When the system refuses threads.
    pub(crate) fn new(
        roster: Roster,
        access: Access,
        config: Config,
    ) -> Result<Arc<Self>, GatewayError> {
        let rooms = Rooms::new(&config);
        // Whoever waits for them has room, which is the bound.
        let readers = Workers::start("bodies", MEDIUM_BYTES, rooms.bytes());
        let readers = readers.map_err(GatewayError::Threads)?;
        Ok(Arc::new(Self {
            roster: Arc::new(roster),
            access,
            config,
            metrics: Metrics::new(),
            pulls: Pulls::default(),
            rooms,
            readers,
            started: unix_now(),
            next: AtomicU64::new(1),
        }))
    }

    /// The agents at this moment. A request keeps the roster it began with, so that a later
    /// reload can put another in its place.
    pub(crate) fn roster(&self) -> Arc<Roster> {
        Arc::clone(&self.roster)
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
