//! Time in which threads were ready to run and waited for a CPU, from `/proc/PID/task/TID/schedstat`.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::sysroot::Sysroot;

/// Sum over threads, of those that ended included.
#[derive(Debug, Default)]
pub(super) struct RunQueueWait {
    total: Duration,
    /// Wait of each thread at the previous reading, in nanoseconds.
    last: BTreeMap<(u32, String), u64>,
}

impl RunQueueWait {
    /// Total up to now over the threads of `pids`; `None` if the kernel does not report it.
    pub(super) fn total(&mut self, root: &Sysroot, pids: &[u32]) -> Option<Duration> {
        let mut now = BTreeMap::new();
        for pid in pids {
            for thread in root.list(&format!("/proc/{pid}/task")).unwrap_or_default() {
                if let Some(waited) = wait(root, *pid, &thread) {
                    let before = self.last.get(&(*pid, thread.clone())).copied().unwrap_or(0);
                    self.total += Duration::from_nanos(waited.saturating_sub(before));
                    now.insert((*pid, thread), waited);
                }
            }
        }
        let is_reported = !now.is_empty();
        self.last = now;
        is_reported.then_some(self.total)
    }
}

/// Second field of a thread's schedstat: time on a run queue, in nanoseconds.
fn wait(root: &Sysroot, pid: u32, thread: &str) -> Option<u64> {
    let text = root.read(&format!("/proc/{pid}/task/{thread}/schedstat")).ok()??;
    text.split_whitespace().nth(1)?.parse().ok()
}
