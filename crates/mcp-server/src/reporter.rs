//! Progress of a call, for clients that ask for it.
//!
//! Invariants: what is reported only grows; a client that reads nothing holds nobody.

use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::{Peer, RequestContext};

/// Time in which a notification must have been handed to the connection.
const HANDING: Duration = Duration::from_secs(1);

/// What a report without a step adds.
const LITTLE: f64 = 0.001;

/// Reporter of one call.
#[derive(Debug)]
pub(crate) struct Reporter {
    peer: Peer<RoleServer>,
    /// `None` where the client wants no progress.
    token: Option<ProgressToken>,
    reported: f64,
}

impl Reporter {
    pub(crate) fn new(context: &RequestContext<RoleServer>) -> Self {
        let token = context.meta.get_progress_token();
        Self { peer: context.peer.clone(), token, reported: 0.0 }
    }

    /// Reports `steps` of `total`, or that it goes on.
    pub(crate) async fn report(&mut self, steps: u32, total: Option<u32>, message: String) {
        let Some(token) = &self.token else { return };
        self.reported = f64::from(steps).max(self.reported + LITTLE);
        let mut progress =
            ProgressNotificationParam::new(token.clone(), self.reported).with_message(message);
        if let Some(total) = total.map(f64::from).filter(|total| *total >= self.reported) {
            progress = progress.with_total(total);
        }
        // A client that is gone, or reads nothing, misses it.
        let _missed = tokio::time::timeout(HANDING, self.peer.notify_progress(progress)).await;
    }
}
