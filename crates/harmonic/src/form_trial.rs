//! Subprocess that compiles an expensive grammar under limits: this program with one special
//! argument.

use std::ffi::OsStr;
use std::process::ExitCode;
use std::{env, io};

use harmonic_app::{FormTrial, run_trial};

use crate::environment;
use crate::exit::Exit;

/// Argument that selects the subprocess. No command begins with dashes.
const ARGUMENT: &str = "--try-form";

/// Trial by this program; `None` if its path is unknown.
pub fn with_this_program() -> Option<FormTrial> {
    Some(FormTrial { program: environment::itself()?, arguments: vec![ARGUMENT.into()] })
}

/// Runs the trial if this process was started for it. Must be called before anything else.
pub fn run_if_requested() -> Option<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    let requested = arguments.next().as_deref() == Some(OsStr::new(ARGUMENT));
    if !requested || arguments.next().is_some() {
        return None;
    }
    let ran = run_trial(io::stdin().lock(), io::stdout().lock());
    Some(if ran.is_ok() { Exit::Ok } else { Exit::Unexpected }.into())
}
