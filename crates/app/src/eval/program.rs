//! Programs that models write, run with their tests: confined, without network, in a folder that is
//! removed.

use std::fs;

use harmonic_tools::{CallLimits, McpConfig, ToolBox, ToolError};
use serde_json::{Map, Value};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::error::{AppError, Result};
use crate::settings::Settings;
use crate::tool_processes;

/// Time of a program, as in the reference implementation three seconds, and as much for the start of
/// the interpreter (docs/sources.md#humaneval).
const LIMITS: CallLimits = CallLimits { time: std::time::Duration::from_secs(6), bytes: 64 << 10 };

/// File of the program in its folder.
const FILE: &str = "program.py";

/// Runs programs.
pub(super) struct Programs {
    folder: TempDir,
    tools: ToolBox,
    /// What a program prints at its end: one that leaves before its tests does not.
    mark: String,
}

impl Programs {
    /// # Errors
    /// When this system cannot confine programs, or has no Python.
    pub(super) async fn open(settings: &Settings) -> Result<Self> {
        let processes = settings.tool_processes.as_ref().ok_or_else(tool_processes::no_helper)?;
        tool_processes::require_confinement()?;
        let folder = tempfile::tempdir()?;
        let workspace = Some(folder.path().to_owned());
        let config = processes.tool_box(McpConfig::default(), workspace, true, None);
        let tools = ToolBox::open(config)
            .await
            .map_err(AppError::context("programs cannot be run on this machine"))?;
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| {
            AppError::refused(format!("the system gave no random numbers: {error}"), "try again")
        })?;
        let programs = Self { folder, tools, mark: hex::encode(bytes) };
        if !programs.passes("import math, typing", &CancellationToken::new()).await? {
            let hint = "install Python 3 where commands find it, in /usr/bin";
            return Err(AppError::refused(
                "programs need `python3`, which does not run here",
                hint,
            ));
        }
        Ok(programs)
    }

    /// Whether `source` ends without an error.
    ///
    /// # Errors
    /// When it cannot be run.
    pub(super) async fn passes(&self, source: &str, stop: &CancellationToken) -> Result<bool> {
        let path = self.folder.path().join(FILE);
        fs::write(&path, format!("{source}\nprint(\"{}\")\n", self.mark))
            .map_err(AppError::context(format!("cannot write {}", path.display())))?;
        let command = Value::String(format!("exec python3 {FILE}"));
        let arguments = Map::from_iter([("command".to_owned(), command)]);
        match self.tools.call("workspace.run", arguments, LIMITS, stop).await {
            Ok(output) => Ok(!output.is_error && output.text.contains(&self.mark)),
            // Its time was over, or the evaluation's.
            Err(ToolError::TimedOut { .. } | ToolError::Cancelled { .. }) => Ok(false),
            Err(error) => Err(AppError::context("a program could not be run")(error)),
        }
    }
}
