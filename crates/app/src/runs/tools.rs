//! Interface of the tools of a run, as its driver uses them.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use harmonic_orchestrator::ToolFailure;
use harmonic_types::{RunToken, ToolOutput, ToolSpec};
use tokio_util::sync::CancellationToken;

/// A call of a tool that is to be made.
#[derive(Clone, Debug)]
pub struct ToolRequest {
    /// Name of the tool.
    pub tool: String,
    /// Its arguments: JSON text that nobody has checked.
    pub arguments: String,
    /// Time at whose end the call ends.
    pub time: Duration,
    /// Bytes of the result's text, at most.
    pub bytes: u64,
    /// Ends the call when it is cancelled.
    pub cancel: CancellationToken,
}

/// The tools of a run. Dropping them ends what they are made of.
pub trait RunTools: Send + Sync {
    /// Their descriptions.
    fn list(&self) -> Vec<ToolSpec>;

    /// Makes a call.
    fn call(&self, request: ToolRequest) -> BoxFuture<'_, Result<ToolOutput, ToolFailure>>;

    /// Whether the tool of this name runs in a process of the run's owner, and not on the server.
    fn is_of_owner(&self, _name: &str) -> bool {
        false
    }
}

/// The tools and workspaces that a server's configuration has, by their names.
pub trait ToolSource: Send + Sync {
    /// Opens the tool sets and the workspace of these names, for the run of `token`. The processes and
    /// servers that they are made of are told the token, so that a run that they start is known to be
    /// part of this one.
    ///
    /// # Errors
    /// A name is unknown, or a tool cannot be started; the message names it and the remedy.
    fn open(
        &self,
        sets: Vec<String>,
        workspace: Option<String>,
        token: RunToken,
    ) -> BoxFuture<'_, Result<Arc<dyn RunTools>, String>>;

    /// Tools that may write or run without a person's yes, which counts only where nobody is asked.
    fn granted(&self) -> Vec<String>;
}

/// No tools.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTools;

impl RunTools for NoTools {
    fn list(&self) -> Vec<ToolSpec> {
        Vec::new()
    }

    fn call(&self, request: ToolRequest) -> BoxFuture<'_, Result<ToolOutput, ToolFailure>> {
        let message = format!("unknown tool `{}`: this run has none", request.tool);
        futures::future::ready(Err(ToolFailure::Refused { message })).boxed()
    }
}

impl ToolSource for NoTools {
    fn open(
        &self,
        sets: Vec<String>,
        workspace: Option<String>,
        _token: RunToken,
    ) -> BoxFuture<'_, Result<Arc<dyn RunTools>, String>> {
        let named = sets.into_iter().map(|set| format!("tool set `{set}`"));
        let named = named.chain(workspace.map(|name| format!("workspace `{name}`"))).next();
        let opened = match named {
            None => Ok(Arc::new(Self) as Arc<dyn RunTools>),
            Some(named) => Err(format!(
                "unknown {named}: this server is configured with no tools and no workspace"
            )),
        };
        futures::future::ready(opened).boxed()
    }

    fn granted(&self) -> Vec<String> {
        Vec::new()
    }
}
