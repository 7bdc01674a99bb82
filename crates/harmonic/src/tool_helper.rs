//! Subprocess that prepares itself and becomes a tool's process: this program with one special
//! argument.

use std::env;
use std::ffi::OsStr;
use std::process::ExitCode;

use harmonic_app::{Helper, ToolProcesses, run_helper};

use crate::environment;

/// Argument that selects the subprocess. No command begins with dashes.
const ARGUMENT: &str = "--tool-helper";

/// Processes of tools by this program; `None` if its path is unknown.
pub fn with_this_program() -> Option<ToolProcesses> {
    let helper = Helper { program: environment::itself()?, arguments: vec![ARGUMENT.into()] };
    Some(ToolProcesses { helper, environment: environment::variables() })
}

/// Becomes the process if this one was started for it. Must be called before anything else.
pub fn run_if_requested() -> Option<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    let requested = arguments.next().as_deref() == Some(OsStr::new(ARGUMENT));
    (requested && arguments.next().is_none()).then(run_helper)
}
