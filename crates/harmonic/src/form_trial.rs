//! The process in which an engine tries a costly form: this program once more, with one argument.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, io};

use harmonic_app::{FormTrial, run_trial};

use crate::exit::Exit;

/// The argument that makes this program a trial. No verb begins with dashes.
const ARGUMENT: &str = "--try-form";

/// The program as it runs, even after another has been installed in its place.
const ITSELF: &str = "/proc/self/exe";

/// A trial by this program; `None` where it does not know where it lies.
pub fn with_this_program() -> Option<FormTrial> {
    let itself = Path::new(ITSELF).exists().then(|| PathBuf::from(ITSELF));
    let program = itself.or_else(|| env::current_exe().ok())?;
    Some(FormTrial { program, arguments: vec![ARGUMENT.into()] })
}

/// Runs the trial where this process is one. Call it before anything else.
pub fn run_if_asked() -> Option<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    let asked = arguments.next().as_deref() == Some(OsStr::new(ARGUMENT));
    if !asked || arguments.next().is_some() {
        return None;
    }
    let ran = run_trial(io::stdin().lock(), io::stdout().lock());
    Some(if ran.is_ok() { Exit::Ok } else { Exit::Unexpected }.into())
}
