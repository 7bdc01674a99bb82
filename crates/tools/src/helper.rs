//! Child processes that prepare themselves and then become another program.
//!
//! A process must tie its life to its parent's and confine itself between `fork` and `exec`. That
//! cannot be done from outside without unsafe code, so the program starts itself as a helper, and
//! the helper, which has one thread and no state, does it with safe calls and then executes the
//! program that is meant.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use serde::{Deserialize, Serialize};

/// Command of the helper process: a program that calls [`run_helper`] before anything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Helper {
    /// Path of the program.
    pub program: PathBuf,
    /// Arguments that make it call [`run_helper`].
    pub arguments: Vec<OsString>,
}

/// Task of a helper: the first line of its standard input, as JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Task {
    /// Become a server that ends with the process `parent`.
    Server { parent: u32, program: Program },
    /// Run a command and watch it.
    #[cfg(target_os = "linux")]
    Supervise(crate::command::Spec),
    /// Become a command, confined.
    #[cfg(target_os = "linux")]
    Confine(crate::command::Spec),
}

/// A program to execute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Program {
    pub(crate) command: String,
    pub(crate) args: Vec<String>,
    /// Its whole environment.
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) cwd: Option<String>,
}

impl Helper {
    /// The helper process, not yet started: without an environment, in a process group of its own.
    pub(crate) fn command(&self) -> Command {
        use std::os::unix::process::CommandExt;

        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_clear().process_group(0);
        command
    }
}

impl Task {
    /// The line that a helper reads.
    pub(crate) fn line(&self) -> io::Result<Vec<u8>> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        Ok(line)
    }
}

/// Does what standard input asks for, in the process that was started for it. Returns only if that
/// failed, or a supervised command has ended.
pub fn run_helper() -> ExitCode {
    let done = read_task().and_then(|task| match task {
        Task::Server { parent, program } => Err(become_server(parent, &program)),
        #[cfg(target_os = "linux")]
        Task::Supervise(spec) => crate::command::supervise(&spec),
        #[cfg(target_os = "linux")]
        Task::Confine(spec) => Err(crate::command::become_confined(&spec)),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _unread = writeln!(io::stderr(), "{error}");
            ExitCode::from(127)
        }
    }
}

/// The first line of standard input and nothing more: the rest is for the program that follows.
fn read_task() -> io::Result<Task> {
    let mut input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut line = Vec::new();
    let mut byte = [0];
    while input.read(&mut byte)? == 1 && byte[0] != b'\n' {
        line.push(byte[0]);
    }
    Ok(serde_json::from_slice(&line)?)
}

fn become_server(parent: u32, program: &Program) -> io::Error {
    match end_with(parent) {
        Ok(()) => program.execute(),
        Err(error) => error,
    }
}

/// Ties the life of this process to that of its parent, whose number is `parent`.
pub(crate) fn end_with(parent: u32) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, getppid, set_parent_process_death_signal};

        set_parent_process_death_signal(Some(Signal::KILL))?;
        // It may have ended before.
        if getppid().map(|pid| pid.as_raw_pid().unsigned_abs()) != Some(parent) {
            return Err(io::Error::other("the program that started this one has ended"));
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = parent;
    Ok(())
}

impl Program {
    /// Replaces this process by the program; returns the error if that fails.
    pub(crate) fn execute(&self) -> io::Error {
        use std::os::unix::process::CommandExt;

        let mut command = Command::new(&self.command);
        command.args(&self.args).env_clear().envs(&self.env);
        if let Some(cwd) = &self.cwd {
            command.current_dir(cwd);
        }
        let error = command.exec();
        io::Error::new(error.kind(), format!("cannot execute `{}`: {error}", self.command))
    }
}
