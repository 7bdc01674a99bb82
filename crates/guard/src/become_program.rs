//! The process that becomes the program.
//!
//! A process must tie its life to its parent's between `fork` and `exec`, which is unsafe to do from
//! outside: a process of this program does it with safe calls, and then executes the other one.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::process_list::end_with_parent;
use crate::task::{MARKER, Task};

/// Becomes the program of `task`. Returns only if that fails; the reason has then been written to
/// standard input, a socket that executing the program closes.
pub(crate) fn become_program(task: &Task) -> io::Error {
    match channel() {
        Ok(mut channel) => {
            let error = execute(task);
            // The guard is gone if this fails.
            let _unread = channel.write_all(error.to_string().as_bytes());
            error
        }
        Err(error) => error,
    }
}

/// The socket, which is not passed on; the program's standard input is empty.
fn channel() -> io::Result<File> {
    let channel = io::stdin().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    Ok(channel.into())
}

fn execute(task: &Task) -> io::Error {
    let child = &task.child;
    if let Err(error) = end_with_parent(task.parent) {
        return error;
    }
    // Changed here and not by the command, which would not say which of the two failed.
    if let Err(error) = std::env::set_current_dir(&child.folder) {
        let folder = child.folder.display();
        return io::Error::new(
            error.kind(),
            format!("cannot enter the folder `{folder}`: {error}"),
        );
    }
    let mut command = Command::new(&child.executable);
    command.args(&child.arguments);
    child.remove.iter().for_each(|name| _ = command.env_remove(name));
    let environment = child.environment.iter().map(|(name, value)| (name, value));
    let error = command.envs(environment).env(MARKER, &task.marker).exec();
    let executable = child.executable.display();
    let remedy = match error.kind() {
        io::ErrorKind::NotFound => "; check its path, and its interpreter if it is a script",
        io::ErrorKind::PermissionDenied => "; make it executable",
        _ => "",
    };
    io::Error::new(error.kind(), format!("cannot execute `{executable}`: {error}{remedy}"))
}
