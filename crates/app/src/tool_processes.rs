//! How processes of tools are started, and the files that name them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harmonic_fsutil::open_input;
use harmonic_tools::{CommandPolicy, Helper, McpConfig, ToolBoxConfig};
use harmonic_types::RunToken;

use crate::error::{AppError, Result};
use crate::run_request;

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
    /// The MCP servers of the file `path`.
    ///
    /// # Errors
    /// When it cannot be read, is no `mcp.json`, or names a program that is not there.
    pub(crate) fn mcp(&self, path: &Path) -> Result<McpConfig> {
        let what = format!("the MCP configuration {}", path.display());
        let file = open_input(path).map_err(AppError::context(format!("cannot read {what}")))?;
        let text = run_request::text(file, &what)?;
        let invalid = || format!("invalid {}", path.display());
        let config = McpConfig::parse(&text, &self.environment);
        let config = config.map_err(AppError::context(invalid()))?;
        config.check_programs(&self.environment).map_err(AppError::context(invalid()))?;
        Ok(config)
    }

    /// What a tool box with these servers and this workspace is made of. Its processes and servers are
    /// told the token of `run`.
    pub(crate) fn tool_box(
        &self,
        mcp: McpConfig,
        workspace: Option<PathBuf>,
        allows_commands: bool,
        run: Option<RunToken>,
    ) -> ToolBoxConfig {
        let commands = (allows_commands && workspace.is_some()).then(CommandPolicy::default);
        ToolBoxConfig {
            mcp,
            workspace,
            commands,
            helper: self.helper.clone(),
            environment: self.environment.clone(),
            run,
            start_time: START_TIME,
        }
    }
}

/// The folder `path`, whole.
pub(crate) fn workspace(path: &Path) -> Result<PathBuf> {
    let hint = "expected a folder that exists and can be read";
    let refused = |reason: String| {
        AppError::refused(format!("invalid workspace {}: {reason}", path.display()), hint)
    };
    let whole = path.canonicalize().map_err(|error| refused(error.to_string()))?;
    std::fs::read_dir(&whole).map_err(|error| refused(error.to_string()))?;
    Ok(whole)
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
