//! A child of this process with all of its descendants.

use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, kill_process_group, test_kill_process_group,
    waitid, waitpid,
};

use crate::child_end::HowEnded;
use crate::ending::Processes;
use crate::process_list::{descendants, number, reap_adopted};

/// Looks at a list of processes that misses some before the list is not believed any more.
const LOOKS: u32 = 100;

/// Time between two of them.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// A child that leads a process group, and all of its descendants: on Linux those of this process,
/// a subreaper, else those of the group.
///
/// Invariant: the child is waited for last. Until then the number of its group is not given to
/// others.
#[derive(Debug)]
pub(crate) struct Tree {
    child: Pid,
    reaped: bool,
}

impl Tree {
    pub(crate) fn of(child: Pid) -> Self {
        Self { child, reaped: false }
    }

    /// Waits for the child if it has ended.
    fn reap(&mut self) {
        self.reaped |= !matches!(waitpid(Some(self.child), WaitOptions::NOHANG), Ok(None));
    }

    fn listed(&mut self) -> Vec<u32> {
        for _ in 0..LOOKS {
            reap_adopted(self.child);
            let found = descendants(std::process::id());
            if !found.is_empty() {
                return found.into_iter().map(|process| process.number).collect();
            }
            self.reap();
            // As orphans become children of this process, none is left when it has no child.
            if !has_children() {
                return Vec::new();
            }
            std::thread::sleep(LOOK_EVERY);
        }
        vec![number(self.child)]
    }

    fn of_group(&mut self) -> Vec<u32> {
        if how_ended(self.child).is_some() {
            self.reap();
        }
        let runs = !self.reaped || test_kill_process_group(self.child).is_ok();
        runs.then(|| number(self.child)).into_iter().collect()
    }
}

impl Processes for Tree {
    fn living(&mut self) -> Vec<u32> {
        if cfg!(target_os = "linux") { self.listed() } else { self.of_group() }
    }

    fn signal(&mut self, signal: Signal) {
        // Where processes are listed, the group's number is used only while it is surely ours.
        let by_group = !self.reaped || !cfg!(target_os = "linux");
        if by_group {
            // An error means that all have ended.
            let _ended = kill_process_group(self.child, signal);
        }
        // To each one once: servers take a second SIGTERM as a demand to end without care.
        let group = self.child.as_raw_pid();
        let others = descendants(std::process::id()).into_iter();
        let others = others.filter(|process| !by_group || process.group != group);
        others.for_each(|process| process.signal(signal));
    }
}

/// How `child` ended; `None` while it runs. It is not waited for.
pub(crate) fn how_ended(child: Pid) -> Option<HowEnded> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let status = waitid(WaitId::Pid(child), options).ok()??;
    let by_signal = || status.terminating_signal().map(HowEnded::Signalled);
    status.exit_status().map(HowEnded::Exited).or_else(by_signal)
}

/// Whether this process has children, ended ones included.
fn has_children() -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(waitid(WaitId::All, options), Err(Errno::CHILD))
}
