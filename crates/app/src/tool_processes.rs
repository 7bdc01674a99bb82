//! How processes of tools are started, and the files that name them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use harmonic_tools::{CommandPolicy, Helper, McpConfig, ToolBoxConfig};

use crate::error::{AppError, Result};

/// Time in which an MCP server must be ready: those of package runners may be fetched first. Our own
/// choice.
const START_TIME: Duration = Duration::from_mins(1);

/// How processes of tools are started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolProcesses {
    /// This program, with the argument that makes it the helper of a process.
    pub helper: Helper,
    /// The environment of this program, of which MCP servers get little and commands nothing.
    pub environment: BTreeMap<String, String>,
}

impl ToolProcesses {
    /// What a tool box with these servers and this workspace is made of.
    pub(crate) fn tool_box(
        &self,
        mcp: McpConfig,
        workspace: Option<PathBuf>,
        allows_commands: bool,
    ) -> ToolBoxConfig {
        let commands = (allows_commands && workspace.is_some()).then(CommandPolicy::default);
        ToolBoxConfig {
            mcp,
            workspace,
            commands,
            helper: self.helper.clone(),
            environment: self.environment.clone(),
            start_time: START_TIME,
        }
    }
}

/// Refuses commands where the system cannot confine them.
pub(crate) fn require_confinement() -> Result<()> {
    harmonic_tools::confinement().map_err(|lacking| {
        let message = format!("commands cannot be allowed: {lacking}");
        AppError::refused(message, "leave out --allow-run")
    })
}

/// This program cannot start itself as a helper.
pub(crate) fn no_helper() -> AppError {
    AppError::refused(
        "tools cannot be started: the path of this program is unknown",
        "start the program by its path",
    )
}
