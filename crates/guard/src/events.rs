//! What a guard waits for: requests of the process that started it, its end, and that of the child.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, getppid, waitid};

use crate::ending::GRACE;
use crate::process_list::{number, reap_adopted};
use crate::task::next_stop;
use crate::tree::how_ended;

/// Time between two looks at the parent. Its end closes the pipe to it; where the system starts
/// programs without closing all other descriptors first, another program may hold that open.
const PARENT_CHECK: Duration = Duration::from_secs(1);

/// Time before the next look where a child has ended and is not found among the processes.
const UNLISTED: Duration = Duration::from_millis(20);

/// An event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The program is to be ended within this grace.
    Stop(Duration),
    /// The process that started this one is gone.
    ParentGone,
    /// The child has ended; it has not been waited for.
    ChildEnded,
}

/// Stream of events.
#[derive(Debug)]
pub(crate) struct Events {
    receiver: Receiver<Event>,
    parent: u32,
}

impl Events {
    /// Listens to standard input, whose first line has been read, and waits for `child`. Orphans
    /// that this process is given are waited for, too.
    pub(crate) fn start(child: Pid, parent: u32) -> io::Result<Self> {
        let (sender, receiver) = channel();
        let requests = sender.clone();
        thread::Builder::new().name("requests".into()).spawn(move || listen(&requests))?;
        thread::Builder::new().name("children".into()).spawn(move || {
            wait_for(child);
            // The receiver is gone if the guard ends.
            let _late = sender.send(Event::ChildEnded);
        })?;
        Ok(Self { receiver, parent })
    }

    /// Next event; `None` if there is none until `until`.
    pub(crate) fn next(&self, until: Option<Instant>) -> Option<Event> {
        loop {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let pause = left.map_or(PARENT_CHECK, |left| left.min(PARENT_CHECK));
            match self.receiver.recv_timeout(pause) {
                Ok(event) => return Some(event),
                Err(RecvTimeoutError::Disconnected) => return Some(Event::ParentGone),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                return None;
            }
            if until.is_none() && getppid().map(number) != Some(self.parent) {
                return Some(Event::ParentGone);
            }
        }
    }

    /// Grace of a request that has arrived meanwhile, or of the parent's end.
    pub(crate) fn stop_request(&self) -> Option<Duration> {
        self.receiver.try_iter().find_map(|event| match event {
            Event::Stop(grace) => Some(grace),
            Event::ParentGone => Some(GRACE),
            Event::ChildEnded => None,
        })
    }
}

fn listen(events: &Sender<Event>) {
    let mut input = io::stdin().lock();
    while let Some(grace) = next_stop(&mut input) {
        if events.send(Event::Stop(grace)).is_err() {
            return;
        }
    }
    // The receiver is gone if the guard ends.
    let _late = events.send(Event::ParentGone);
}

/// Waits until `child` has ended, and for all other children that end before.
fn wait_for(child: Pid) {
    loop {
        match waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return,
        }
        if how_ended(child).is_some() {
            return;
        }
        if reap_adopted(child) == 0 {
            thread::sleep(UNLISTED);
        }
    }
}
