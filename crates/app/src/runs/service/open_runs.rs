//! Runs that are driven, and how their drivers are asked.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock};

use harmonic_types::{RunId, RunToken};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use crate::runs::client_tools::ClientTools;
use crate::runs::driver::{Command, RunView};
use crate::runs::updates::Updates;

/// All runs that are driven.
#[derive(Default)]
pub(super) struct OpenRuns {
    pub(super) runs: BTreeMap<RunId, Arc<OpenRun>>,
    /// By the tokens that their tools know.
    pub(super) tokens: HashMap<RunToken, RunId>,
    /// Whether the server is stopping, so that no more are opened.
    pub(super) is_closed: bool,
}

/// A run that is driven.
pub(super) struct OpenRun {
    pub(super) owner: String,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) updates: Arc<Updates>,
    /// Cancelled once nothing of it runs and its journal is closed.
    pub(super) closed: CancellationToken,
    pub(super) driver: OnceLock<AbortHandle>,
    /// Tools that a process of its client offers.
    pub(super) client_tools: Option<Arc<ClientTools>>,
    /// Token that they know, beside that of the run's tools on the server.
    pub(super) offered_token: Mutex<Option<RunToken>>,
}

impl OpenRun {
    /// The run now; `None` where it is no longer driven.
    pub(super) async fn view(&self) -> Option<RunView> {
        self.ask(Command::Show).await
    }

    /// What the driver replies to a command; `None` where the run is no longer driven.
    ///
    /// The end is waited for, too: a command that is sent while the driver ends may stay in the
    /// channel, unread and with its sender, for as long as somebody holds this run.
    pub(super) async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Option<T> {
        let (sender, reply) = oneshot::channel();
        self.commands.send(command(sender)).await.ok()?;
        tokio::select! {
            // What was replied before the end counts.
            biased;
            reply = reply => reply.ok(),
            () = self.closed.cancelled() => None,
        }
    }
}
