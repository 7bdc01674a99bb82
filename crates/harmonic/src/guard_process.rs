//! Subprocess that guards a program which this one starts: this program with one special argument.

use std::env;
use std::ffi::OsStr;
use std::process::ExitCode;

use harmonic_app::{GuardCommand, run_guard};

use crate::environment;

/// Argument that selects the subprocess: a hidden command.
const ARGUMENT: &str = "guard";

/// Guard by this program; `None` if its path is unknown.
pub fn with_this_program() -> Option<GuardCommand> {
    Some(GuardCommand { executable: environment::itself()?, arguments: vec![ARGUMENT.into()] })
}

/// Becomes the guard if this process was started for it. Must be called before anything else.
pub fn run_if_requested() -> Option<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    let requested = arguments.next().as_deref() == Some(OsStr::new(ARGUMENT));
    (requested && arguments.next().is_none()).then(run_guard)
}
