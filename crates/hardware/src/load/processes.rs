//! Processes of the measurement: descendants and CPU time, from `/proc/PID/stat`.

use std::time::Duration;

use super::cpu_times::time;
use crate::sysroot::Sysroot;

/// Fields of `/proc/PID/stat` after the name (proc(5)), of which the state is the first.
const PARENT: usize = 1;
/// `utime`, `stime`, `cutime`, `cstime`, in ticks.
const TIMES: [usize; 4] = [11, 12, 13, 14];

/// `roots` and all their descendants that are visible.
pub(super) fn with_descendants(root: &Sysroot, roots: &[u32]) -> Vec<u32> {
    if roots.is_empty() {
        // Reading every process takes milliseconds.
        return Vec::new();
    }
    let listed = root.list("/proc").unwrap_or_default();
    let parents: Vec<(u32, u32)> = listed
        .into_iter()
        .filter_map(|name| name.parse::<u32>().ok())
        .filter_map(|pid| Some((pid, u32::try_from(field(&stat(root, pid)?, PARENT)?).ok()?)))
        .collect();
    let mut found = roots.to_vec();
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        let children = parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid);
        let new: Vec<u32> = children.filter(|pid| !found.contains(pid)).collect();
        found.extend(new);
        next += 1;
    }
    found
}

/// CPU time of `pids` and of their children that have ended; `None` if none can be read.
pub(super) fn cpu_time(root: &Sysroot, pids: &[u32]) -> Option<Duration> {
    let times = pids.iter().filter_map(|pid| {
        let stat = stat(root, *pid)?;
        TIMES.iter().map(|index| field(&stat, *index)).sum::<Option<u64>>()
    });
    times.reduce(u64::saturating_add).map(time)
}

/// The fields after the name of the program, which may itself contain spaces and brackets.
fn stat(root: &Sysroot, pid: u32) -> Option<String> {
    let text = root.read(&format!("/proc/{pid}/stat")).ok()??;
    Some(text.rsplit_once(')')?.1.to_owned())
}

fn field(stat: &str, index: usize) -> Option<u64> {
    stat.split_whitespace().nth(index)?.parse().ok()
}
