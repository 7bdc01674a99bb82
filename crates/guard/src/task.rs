//! What a process of this crate is started to do, and requests to it: its standard input.

use std::ffi::OsStr;
use std::io::{self, BufRead, Read};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::child_spec::ChildSpec;

/// Largest task. Linux takes 2 MiB of arguments and variables by default, and a byte may become four
/// of JSON.
pub(crate) const TASK_BYTES: u64 = 16 << 20;

/// Longest request.
const REQUEST_BYTES: u64 = 64;

/// Longest grace that a request can give.
const MAX_GRACE: Duration = Duration::from_hours(24);

/// First line of standard input, as JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) role: Role,
    /// Process that started this one.
    pub(crate) parent: u32,
    /// Value of [`MARKER`] in the program's environment.
    pub(crate) marker: String,
    pub(crate) child: ChildSpec,
}

/// Variable that marks the processes of one child.
pub(crate) const MARKER: &str = "HARMONIC_GUARDED";

/// Part that a process plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Role {
    /// Watch the inner guard.
    Outer,
    /// Start the program and watch it.
    Inner,
    /// Become the program.
    Program,
}

impl Task {
    /// The line that a process reads.
    pub(crate) fn line(&self) -> io::Result<Vec<u8>> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        Ok(line)
    }

    /// Reads the first line of `input`.
    pub(crate) fn read(input: &mut impl BufRead) -> io::Result<Self> {
        let mut line = Vec::new();
        input.take(TASK_BYTES).read_until(b'\n', &mut line)?;
        Ok(serde_json::from_slice(&line)?)
    }

    /// The task of a process that this one starts for the next part.
    pub(crate) fn handed_to(&self, role: Role) -> Self {
        Self { role, parent: std::process::id(), ..self.clone() }
    }
}

/// The command that starts this program again for another part.
pub(crate) fn own_command() -> io::Result<Command> {
    use std::os::unix::process::CommandExt;

    // The running executable, even if its file has been replaced since.
    let own = if cfg!(target_os = "linux") {
        PathBuf::from("/proc/self/exe")
    } else {
        std::env::current_exe()?
    };
    let mut arguments = std::env::args_os();
    let name = arguments.next();
    let mut command = Command::new(own);
    command.arg0(name.as_deref().unwrap_or(OsStr::new("harmonic"))).args(arguments);
    command.process_group(0);
    Ok(command)
}

/// A request to end the program within `grace`.
pub(crate) fn stop_request(grace: Duration) -> String {
    format!("stop {}\n", grace.min(MAX_GRACE).as_millis())
}

/// The grace of the next request to end; `None` when there will be no more, since the other process
/// is gone or says something that it should not.
pub(crate) fn next_stop(input: &mut impl BufRead) -> Option<Duration> {
    let mut line = Vec::new();
    input.take(REQUEST_BYTES).read_until(b'\n', &mut line).ok()?;
    let line = str::from_utf8(&line).ok()?;
    let grace = line.strip_suffix('\n')?.strip_prefix("stop ")?.parse().ok()?;
    Some(Duration::from_millis(grace).min(MAX_GRACE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_back_and_anything_else_is_the_end() {
        let wanted = [Duration::ZERO, Duration::from_millis(1500), MAX_GRACE];
        let written: String = wanted.into_iter().map(stop_request).collect();
        let mut input = written.as_bytes();
        assert_eq!(wanted.map(|_| next_stop(&mut input)), wanted.map(Some));
        assert_eq!(next_stop(&mut input), None);
        for other in ["stop\n", "stop -1\n", "go 1\n", "stop 1", "\n", "\u{0}\n"] {
            assert_eq!(next_stop(&mut other.as_bytes()), None, "{other:?}");
        }
        let endless = format!("stop {}1\n", "0".repeat(1 << 20));
        assert_eq!(next_stop(&mut endless.as_bytes()), None);
        assert_eq!(next_stop(&mut stop_request(Duration::MAX).as_bytes()), Some(MAX_GRACE));
    }

    #[test]
    fn a_task_leaves_the_requests_after_it_unread() {
        let child = ChildSpec {
            name: "a\nb".into(),
            executable: "/bin/true".into(),
            arguments: vec!["\n".into()],
            environment: Vec::new(),
            remove: Vec::new(),
            folder: "/".into(),
        };
        let task = Task { role: Role::Outer, parent: 7, marker: "m".into(), child };
        let mut written = task.line().unwrap();
        written.extend(b"stop 5\n");
        let mut input = written.as_slice();
        assert_eq!(Task::read(&mut input).unwrap().child, task.child);
        assert_eq!(next_stop(&mut input), Some(Duration::from_millis(5)));
    }
}
