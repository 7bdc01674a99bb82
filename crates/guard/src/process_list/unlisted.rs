//! Systems that neither list processes by safe means nor give orphans to a process that wants them.

use std::io;

use rustix::process::{Pid, Signal};

/// A listed process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) number: u32,
    pub(crate) group: i32,
    pub(crate) resident_bytes: u64,
}

impl Process {
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(pid) = super::pid(self.number) {
            // An error means that it has ended.
            let _ended = rustix::process::kill_process(pid, signal);
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "as where orphans can be adopted")]
pub(crate) fn adopt_orphans() -> io::Result<()> {
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "as where a process can be tied to its parent")]
pub(crate) fn end_with_parent(_parent: u32) -> io::Result<()> {
    Ok(())
}

pub(crate) fn descendants(_root: u32) -> Vec<Process> {
    Vec::new()
}

pub(crate) fn marked(_marker: &str) -> Vec<Process> {
    Vec::new()
}

pub(crate) fn reap_adopted(_own: Pid) -> usize {
    0
}
