//! The tools of a tool box, as runs use them.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use harmonic_orchestrator::ToolFailure;
use harmonic_tools::{CallLimits, LeftOut, ToolBox, ToolError};
use harmonic_types::{ToolOutput, ToolSpec};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::tools::RunTools;

/// Tools of a tool box.
#[derive(Debug)]
pub(crate) struct BoxTools(pub(crate) ToolBox);

impl BoxTools {
    /// Tools that the servers have and that cannot be used, a line each.
    pub(crate) fn left_out(&self) -> Vec<String> {
        let lines = self.0.left_out().iter().map(|LeftOut { server, tool, reason }| {
            format!("the tool `{tool}` of the MCP server `{server}` is left out: {reason}")
        });
        lines.collect()
    }

    /// Calls the tool `name`, as [`RunTools::call`].
    async fn called(
        &self,
        name: &str,
        arguments: &str,
        limits: CallLimits,
        cancel: &CancellationToken,
    ) -> Result<ToolOutput, ToolFailure> {
        let arguments: Map<String, Value> = serde_json::from_str(arguments).map_err(|error| {
            let message = format!("invalid arguments for `{name}`: not a JSON object: {error}");
            ToolFailure::Refused { message }
        })?;
        self.0.call(name, arguments, limits, cancel).await.map_err(|error| failure(&error))
    }
}

/// What an error means for a run.
fn failure(error: &ToolError) -> ToolFailure {
    let message = error.to_string();
    if error.outcome_unknown() {
        ToolFailure::Unknown { message }
    } else {
        ToolFailure::Refused { message }
    }
}

impl RunTools for BoxTools {
    fn list(&self) -> Vec<ToolSpec> {
        self.0.list()
    }

    fn call(
        &self,
        name: String,
        arguments: String,
        time: Duration,
        bytes: u64,
        cancel: CancellationToken,
    ) -> BoxFuture<'_, Result<ToolOutput, ToolFailure>> {
        async move {
            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
            self.called(&name, &arguments, CallLimits { time, bytes }, &cancel).await
        }
        .boxed()
    }
}
