//! The process that watches a command: it ends all of the command's processes at a limit, when the
//! command itself has ended, and when the program that asked for it is gone.
//!
//! It holds one end of a socket whose other end the program holds: whatever ends the program closes
//! that. The command's processes cannot leave their group, so one signal reaches them all at once,
//! and orphans become children of this process, which waits for them.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, getpid, kill_process_group,
    set_child_subreaper, wait, waitid,
};

use super::CommandLimits;
use super::process_group::{group_use, proportional_bytes};
use super::spec::{Spec, Verdict};
use crate::helper::Task;

/// Time between two looks at the command.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Time in which a command must have been confined.
const CONFINING: Duration = Duration::from_secs(10);

/// Time for the kernel to end processes that were killed.
const DYING: Duration = Duration::from_secs(5);

/// Runs the command of `spec` and writes the verdict to standard input, which is a socket.
pub(crate) fn supervise(spec: &Spec) -> io::Result<()> {
    let mut caller = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    set_child_subreaper(Some(getpid()))?;
    let verdict = match start(spec) {
        Ok((child, leader)) => {
            let watched = watch(leader, &caller, spec);
            end(child, leader, watched)
        }
        Err(error) => Verdict::NotStarted(error.to_string()),
    };
    // The caller does the same, unless it was killed.
    let _gone = std::fs::remove_dir_all(&spec.scratch);
    caller.write_all(&serde_json::to_vec(&verdict)?)
}

/// Starts the command: confined, or not.
fn start(spec: &Spec) -> io::Result<(Child, Pid)> {
    let (mut channel, theirs) = UnixStream::pair()?;
    let mut child = Command::new("/proc/self/exe")
        .args(std::env::args_os().skip(1))
        .env_clear()
        .process_group(0)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .spawn()?;
    let refused = confirmed(&mut channel, spec);
    let leader = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    match (refused, leader) {
        (Ok(()), Some(leader)) => Ok((child, leader)),
        (refused, _) => {
            child.kill()?;
            child.wait()?;
            Err(refused.err().unwrap_or_else(|| io::Error::other("it has no process number")))
        }
    }
}

/// Tells the process what it is to become, and waits until it is.
fn confirmed(channel: &mut UnixStream, spec: &Spec) -> io::Result<()> {
    let spec = Spec { parent: std::process::id(), ..spec.clone() };
    channel.write_all(&Task::Confine(spec).line()?)?;
    channel.set_read_timeout(Some(CONFINING))?;
    let mut refusal = String::new();
    channel.read_to_string(&mut refusal)?;
    if refusal.is_empty() { Ok(()) } else { Err(io::Error::other(refusal)) }
}

/// Waits until the command has ended, `None`, or has to be.
fn watch(leader: Pid, caller: &UnixStream, spec: &Spec) -> Option<Verdict> {
    let pause = Timespec::try_from(LOOK_EVERY).ok();
    loop {
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        // It stays a zombie, so that its group's number is not given to another.
        if !matches!(waitid(WaitId::Pid(leader), ended), Ok(None)) {
            return None;
        }
        if let Some(verdict) = beyond(leader, spec) {
            return Some(verdict);
        }
        // The caller says nothing more: what can be read is the end.
        let mut ready = [PollFd::new(caller, PollFlags::IN)];
        if matches!(poll(&mut ready, pause.as_ref()), Ok(1..)) {
            return Some(Verdict::CallEnded);
        }
    }
}

/// The limit that the command is beyond.
fn beyond(leader: Pid, spec: &Spec) -> Option<Verdict> {
    let CommandLimits { memory_bytes, processes, free_disk_bytes, .. } = spec.limits;
    let used = group_use(leader);
    if used.processes > processes {
        return Some(Verdict::Processes);
    }
    if used.resident_bytes > memory_bytes && proportional_bytes(leader) > memory_bytes {
        return Some(Verdict::Memory);
    }
    let full = |path: &Path| free_bytes(path).is_some_and(|free| free < free_disk_bytes);
    (full(&spec.workspace) || full(&spec.scratch)).then_some(Verdict::Disk)
}

fn free_bytes(path: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(path).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Ends all processes of the command.
fn end(mut child: Child, leader: Pid, watched: Option<Verdict>) -> Verdict {
    // An error means that all have ended.
    let _ended = kill_process_group(leader, Signal::KILL);
    let verdict = match (watched, child.wait()) {
        (Some(verdict), _) => verdict,
        (None, Ok(status)) => by_itself(status),
        (None, Err(error)) => Verdict::NotStarted(error.to_string()),
    };
    let until = Instant::now() + DYING;
    // An error means that no child is left.
    while let Ok(reaped) = wait(WaitOptions::NOHANG) {
        if reaped.is_none() {
            if Instant::now() > until {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    verdict
}

fn by_itself(status: ExitStatus) -> Verdict {
    status
        .code()
        .map_or_else(|| Verdict::Signalled(status.signal().unwrap_or_default()), Verdict::Exited)
}
