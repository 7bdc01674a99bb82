//! The outer guard: ends what a killed inner guard leaves behind.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::process::{ChildStdin, Stdio};
use std::time::{Duration, Instant};

use crate::child_end::HowEnded;
use crate::ending::{GRACE, end};
use crate::events::{Event, Events};
use crate::process_list::{adopt_orphans, pid};
use crate::report::Report;
use crate::task::{Role, Task, own_command, stop_request};
use crate::tree::{Tree, how_ended};

/// Time for the inner guard beyond the grace of a request. It needs less unless it is stopped.
const INNER_GUARD: Duration = Duration::from_secs(15);

/// Runs the inner guard with the program of `task`, and ends what is left when it has ended.
pub(crate) fn watch(task: &Task) -> io::Result<()> {
    adopt_orphans()?;
    let mut inner = own_command()?.stdin(Stdio::piped()).spawn()?;
    let leader = pid(inner.id()).ok_or_else(|| io::Error::other("it has no process number"))?;
    let mut requests = inner.stdin.take();
    ask(&mut requests, &task.handed_to(Role::Inner).line()?);
    let events = Events::start(leader, task.parent)?;
    let mut grace = GRACE;
    let mut until: Option<Instant> = None;
    let in_time = loop {
        match events.next(until) {
            Some(Event::ChildEnded) => break true,
            Some(Event::Stop(asked)) => {
                grace = grace.min(asked);
                ask(&mut requests, stop_request(asked).as_bytes());
            }
            // The inner guard's own pipe is closed in turn.
            Some(Event::ParentGone) => requests = None,
            None => break false,
        }
        let latest = Instant::now() + grace + INNER_GUARD;
        until = Some(until.map_or(latest, |until| until.min(latest)));
    };
    let done = how_ended(leader) == Some(HowEnded::Exited(0));
    let grace = if in_time { grace } else { Duration::ZERO };
    let ending = end(&mut Tree::of(leader), grace, || events.stop_request());
    if !done {
        // The owner is gone if this fails.
        let _unread = report(&Report::Ended { how: HowEnded::GuardLost, left: ending.left });
    }
    Ok(())
}

/// Passes a request on. The inner guard has ended if that fails.
fn ask(requests: &mut Option<ChildStdin>, line: &[u8]) {
    if let Some(pipe) = requests
        && pipe.write_all(line).is_err()
    {
        *requests = None;
    }
}

/// Reports to the owner, after what the inner guard may have left of a line.
fn report(report: &Report) -> io::Result<()> {
    let mut output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    output.write_all(&[b"\n".as_slice(), &report.line()?].concat())
}
