//! The processes of this crate.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use crate::become_program::become_program;
use crate::inner::guard;
use crate::outer::watch;
use crate::task::{Role, Task};

/// Does what standard input asks for, in a process that was started for it. Must be called before
/// anything else, in a process without other threads.
pub fn run() -> ExitCode {
    let done = task().and_then(|task| match task.role {
        Role::Outer => watch(&task),
        Role::Inner => guard(&task),
        Role::Program => Err(become_program(&task)),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _unread = writeln!(io::stderr(), "{error}");
            ExitCode::from(127)
        }
    }
}

fn task() -> io::Result<Task> {
    let input = io::stdin();
    let refused = "this command is started by harmonic itself, and reads its task from a pipe";
    if input.is_terminal() {
        return Err(io::Error::other(refused));
    }
    // What is read ahead stays in the buffer of the process's standard input.
    Task::read(&mut input.lock())
        .map_err(|error| io::Error::new(error.kind(), format!("{refused}: {error}")))
}
