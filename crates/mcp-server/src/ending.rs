//! What ends a call before it has its result.

use tokio_util::sync::CancellationToken;

/// The client's word that it no longer wants a call, or its end.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    /// Cancelled with the call.
    pub(crate) call: CancellationToken,
    /// Cancelled when the client is gone.
    pub(crate) client: CancellationToken,
}

impl Ending {
    /// Resolves when the call is to end.
    pub(crate) async fn requested(&self) {
        tokio::select! {
            () = self.call.cancelled() => {}
            () = self.client.cancelled() => {}
        }
    }

    /// Whether the call is to end.
    pub(crate) fn is_requested(&self) -> bool {
        self.call.is_cancelled() || self.client.is_cancelled()
    }
}
