//! Processes as `/proc` lists them.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::io;

use procfs::process::{Process as Entry, Stat, all_processes};
use rustix::process::{
    PidfdFlags, Signal, WaitOptions, getpid, getppid, pidfd_open, pidfd_send_signal,
    set_child_subreaper, set_parent_process_death_signal, waitpid,
};

use super::{number, pid};
use crate::task::MARKER;

/// A process that has not ended; it is known by its number and its start, as numbers are reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) number: u32,
    /// Number of its process group.
    pub(crate) group: i32,
    /// Clock tick of its start.
    started: u64,
    /// Resident memory; pages that processes share count for each.
    pub(crate) resident_bytes: u64,
}

impl Process {
    fn of(stat: &Stat) -> Option<Self> {
        Some(Self {
            number: u32::try_from(stat.pid).ok()?,
            group: stat.pgrp,
            started: stat.starttime,
            resident_bytes: stat.rss.saturating_mul(procfs::page_size()),
        })
    }

    /// Sends a signal, unless the process has ended.
    pub(crate) fn signal(&self, signal: Signal) {
        let Some(own) = pid(self.number) else { return };
        let Ok(descriptor) = pidfd_open(own, PidfdFlags::empty()) else { return };
        // Checked after the descriptor was opened: it stays that of this process.
        let same = Entry::new(own.as_raw_pid())
            .and_then(|entry| entry.stat())
            .is_ok_and(|stat| stat.starttime == self.started);
        if same {
            // An error means that it has ended meanwhile.
            let _ended = pidfd_send_signal(descriptor, signal);
        }
    }
}

/// Makes this process the parent of its descendants that lose theirs.
pub(crate) fn adopt_orphans() -> io::Result<()> {
    Ok(set_child_subreaper(Some(getpid()))?)
}

/// Has this process killed when `parent`, which started it, ends.
pub(crate) fn end_with_parent(parent: u32) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have ended before.
    if getppid().map(number) != Some(parent) {
        return Err(io::Error::other("the process that started this one has ended"));
    }
    Ok(())
}

fn all() -> impl Iterator<Item = (Entry, Stat)> {
    let entries = all_processes().into_iter().flatten().flatten();
    // One that ends meanwhile has no state any more.
    entries.filter_map(|entry| entry.stat().ok().map(|stat| (entry, stat)))
}

fn is_living(stat: &Stat) -> bool {
    !matches!(stat.state, 'Z' | 'X')
}

/// All processes below `root` that have not ended. One that is started or given to another parent
/// while the list is read may be missing.
pub(crate) fn descendants(root: u32) -> Vec<Process> {
    let mut children: HashMap<i32, Vec<Stat>> = HashMap::new();
    for (_, stat) in all() {
        children.entry(stat.ppid).or_default().push(stat);
    }
    let mut found = Vec::new();
    let mut open: Vec<i32> = i32::try_from(root).into_iter().collect();
    // The list is not of one moment, so that a cycle is thinkable.
    let mut seen = HashSet::new();
    while let Some(parent) = open.pop() {
        for stat in children.remove(&parent).unwrap_or_default() {
            if seen.insert(stat.pid) {
                open.push(stat.pid);
                found.extend(Some(&stat).filter(|stat| is_living(stat)).and_then(Process::of));
            }
        }
    }
    found
}

/// All processes that carry `marker` in the environment with which they were executed.
pub(crate) fn marked(marker: &str) -> Vec<Process> {
    let carries = |entry: &Entry| {
        let environment = entry.environ().unwrap_or_default();
        environment.get(OsStr::new(MARKER)).is_some_and(|value| value == marker)
    };
    let found = all().filter(|(entry, stat)| is_living(stat) && carries(entry));
    found.filter_map(|(_, stat)| Process::of(&stat)).collect()
}

/// Waits for the children of this process that have ended, `own` excepted; returns how many.
pub(crate) fn reap_adopted(own: rustix::process::Pid) -> usize {
    let parent = getpid().as_raw_pid();
    let ended = all().filter(|(_, stat)| stat.ppid == parent && !is_living(stat));
    let adopted = ended.filter_map(|(_, stat)| rustix::process::Pid::from_raw(stat.pid));
    let reaped = adopted
        .filter(|pid| *pid != own)
        .filter(|pid| matches!(waitpid(Some(*pid), WaitOptions::NOHANG), Ok(Some(_))));
    reaped.count()
}
