//! The process of a server: started with little of the environment, killed with its whole group.

use std::collections::BTreeMap;
use std::io;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::diagnosis::Diagnosis;
use crate::helper::{Helper, Program, Task};

/// Variables that a server gets beside those of its configuration, as with the protocol's own
/// libraries, and those of the language and of temporary files.
const INHERITED: [&str; 11] = [
    "HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ",
    "USER",
];

/// Time in which a server may end by itself after its input has ended.
const GRACE: Duration = Duration::from_secs(2);

/// The same where its output has ended, and the process with it, or it is at fault.
const SHORT_GRACE: Duration = Duration::from_millis(300);

/// The environment of a server: `configured`, and what it may have of the caller's.
pub(super) fn environment(
    configured: &BTreeMap<String, String>,
    callers: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let inherited = callers.iter().filter(|(name, _)| INHERITED.contains(&name.as_str()));
    inherited.chain(configured).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// A server's process; dropping it kills the process group.
#[derive(Debug)]
pub(super) struct ServerProcess {
    /// Not reaped before its group is killed, so that the group's number is not another's.
    child: Option<Child>,
    stderr_reader: JoinSet<()>,
}

impl ServerProcess {
    /// Starts `program` through `helper`. Must be called on a thread that lasts as long as the
    /// server, such as the runtime's workers: the kernel ends the server with that thread.
    pub(super) async fn start(
        helper: &Helper,
        program: Program,
        diagnosis: Arc<Diagnosis>,
    ) -> io::Result<(Self, ChildStdin, ChildStdout)> {
        let task = Task::Server { parent: std::process::id(), program }.line()?;
        let mut child = Command::from(helper.command())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let mut process = Self { child: Some(child), stderr_reader: JoinSet::new() };
        let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(io::Error::other("its standard streams are missing"));
        };
        process.stderr_reader.spawn(listen(stderr, diagnosis));
        stdin.write_all(&task).await?;
        Ok((process, stdin, stdout))
    }

    /// Waits a short time for the process to end by itself, then kills its group.
    pub(super) async fn end(self) {
        self.watch(GRACE).await;
    }

    /// How it ended, if it ended by itself within a short time; its group is killed.
    pub(super) async fn exit(&mut self) -> Option<String> {
        let by_itself = self.watch(SHORT_GRACE).await;
        let child = self.child.as_mut()?;
        kill_group(child);
        let status = tokio::time::timeout(GRACE, child.wait()).await.ok()?.ok()?;
        self.child = None;
        by_itself.then(|| status.to_string())
    }

    /// Whether the process ends by itself within `time`. It is not reaped: its group is still to be
    /// killed.
    async fn watch(&self, time: Duration) -> bool {
        let Some(child) = &self.child else { return true };
        let ended = async {
            while child.id().is_some_and(|id| !has_ended(id)) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(time, ended).await.is_ok()
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        kill_group(&child);
        // Without a runtime there is nobody to reap it; it is dead all the same.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                let _status = child.wait().await;
            });
        }
    }
}

/// Kills all processes of the group that `child` leads; it must not have been reaped.
fn kill_group(child: &Child) {
    let leader = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(leader) = leader {
        // An error means that all have ended.
        let _ended = kill_process_group(leader, Signal::KILL);
    }
}

/// Whether the child `id` has ended; it stays a zombie.
fn has_ended(id: u32) -> bool {
    use rustix::process::{WaitId, WaitIdOptions, waitid};

    let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) else { return true };
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(waitid(WaitId::Pid(pid), options), Ok(None))
}

/// Reads standard error to its end, however much it is, and keeps the last words.
async fn listen(mut stderr: ChildStderr, diagnosis: Arc<Diagnosis>) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(read @ 1..) = stderr.read(&mut buffer).await {
        diagnosis.note_stderr(&buffer[..read]);
    }
    diagnosis.note_end_of_stderr();
}
