//! The tools of a tool box, as runs use them.

use futures::FutureExt;
use futures::future::BoxFuture;
use harmonic_orchestrator::ToolFailure;
use harmonic_tools::{CallLimits, LeftOut, ToolBox, ToolError};
use harmonic_types::{ToolOutput, ToolSpec};
use serde_json::{Map, Value};

use super::tools::{RunTools, ToolRequest};

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

    async fn called(&self, request: ToolRequest) -> Result<ToolOutput, ToolFailure> {
        let ToolRequest { tool, arguments, time, bytes, cancel } = request;
        let arguments: Map<String, Value> = serde_json::from_str(&arguments).map_err(|error| {
            let message = format!("invalid arguments for `{tool}`: not a JSON object: {error}");
            ToolFailure::Refused { message }
        })?;
        let limits = CallLimits { time, bytes: usize::try_from(bytes).unwrap_or(usize::MAX) };
        self.0.call(&tool, arguments, limits, &cancel).await.map_err(|error| failure(&error))
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

    fn call(&self, request: ToolRequest) -> BoxFuture<'_, Result<ToolOutput, ToolFailure>> {
        self.called(request).boxed()
    }
}
