//! The inner guard: starts the program, reads its output, and ends all of its processes.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::Pid;

use crate::child_end::HowEnded;
use crate::ending::{Ending, GRACE, Processes, end};
use crate::events::{Event, Events};
use crate::forward::Forward;
use crate::process_list::{adopt_orphans, pid};
use crate::report::Report;
use crate::task::{Role, Task, own_command};
use crate::tree::{Tree, how_ended};

/// Longest reason of a failure to start.
const REASON_BYTES: u64 = 16 << 10;

/// Time between two looks at processes that do not end.
const LEFT_EVERY: Duration = Duration::from_millis(200);

/// Runs the program of `task` until it has ended with all of its processes.
pub(crate) fn guard(task: &Task) -> io::Result<()> {
    adopt_orphans()?;
    let mut forward = Forward::start()?;
    let (program, leader) = match start(task) {
        Ok(started) => started,
        Err(error) => {
            forward.send(Report::NotStarted { reason: error.to_string() });
            forward.finish();
            return Ok(());
        }
    };
    let mut tree = Tree::of(leader);
    // An error ends this process: the outer guard then ends the program.
    forward.read(streams(program))?;
    let events = Events::start(leader, task.parent)?;
    forward.send(Report::Started {
        child: leader.as_raw_pid().unsigned_abs(),
        inner: std::process::id(),
    });
    let grace = loop {
        match events.next(None) {
            Some(Event::Stop(grace)) => break grace,
            Some(Event::ParentGone | Event::ChildEnded) => break GRACE,
            None => {}
        }
    };
    let by_itself = how_ended(leader);
    let Ending { killed, left } = end(&mut tree, grace, || events.stop_request());
    forward.finish_reading();
    let how = by_itself.unwrap_or(HowEnded::Stopped { killed });
    let stays = !left.is_empty();
    forward.send(Report::Ended { how, left });
    forward.finish();
    // Somebody has to wait for them, and to say by being there that they are.
    while stays && !tree.living().is_empty() {
        thread::sleep(LEFT_EVERY);
    }
    Ok(())
}

/// Starts the program, or says why it cannot be.
fn start(task: &Task) -> io::Result<(Child, Pid)> {
    let (mut channel, theirs) = UnixStream::pair()?;
    let mut program = own_command()?
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut reason = String::new();
    // If it ended before it could say anything, it has ended like a program.
    let told = channel.write_all(&task.handed_to(Role::Program).line()?);
    let _told = told.and_then(|()| channel.shutdown(Shutdown::Write));
    // Executing the program closes the other end.
    channel.take(REASON_BYTES).read_to_string(&mut reason)?;
    if !reason.is_empty() {
        program.wait()?;
        return Err(io::Error::other(reason));
    }
    let leader = pid(program.id()).ok_or_else(|| io::Error::other("it has no process number"))?;
    Ok((program, leader))
}

/// What the program writes. It is waited for by its number, with all others.
fn streams(program: Child) -> Vec<Box<dyn Read + Send>> {
    let stdout = program.stdout.map(|stream| Box::new(stream) as Box<dyn Read + Send>);
    let stderr = program.stderr.map(|stream| Box::new(stream) as Box<dyn Read + Send>);
    stdout.into_iter().chain(stderr).collect()
}
