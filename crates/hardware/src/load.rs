//! Meter of the load by other programs, from `/proc` and the control groups of Linux.
//!
//! The CPU time of others is that of all programs (`/proc/stat`) minus that of the measurement's own
//! processes. `/proc/loadavg` is not used: it counts tasks of the host in a container, and threads of
//! the measurement everywhere.
//!
//! Invariants: only CPUs that this process may use count; a counter that cannot be read is absent;
//! every total is as the kernel reports it or grows (an ended thread does not reduce it).
//!
//! Does not do: judge a load (`perfmodel`), find the server's process.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use harmonic_types::{LoadCounters, LoadMeter};

use crate::cgroup;
use crate::sysroot::Sysroot;

mod cpu_times;
mod processes;
mod run_queue;

use cpu_times::CpuTimes;
use run_queue::RunQueueWait;

/// Pressure stall information of the CPUs, in a kernel that has it.
const PRESSURE: &str = "/proc/pressure/cpu";

/// Processes whose CPU time is the measurement's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnProcesses {
    /// Process number of the benchmark.
    pub benchmark: u32,
    /// Process numbers of servers, whose descendants count too: some run each model in a child.
    pub servers: Vec<u32>,
    /// Whether every server under load is one of these processes.
    pub has_server: bool,
}

/// A meter of the machine below a [`Sysroot`].
#[derive(Debug)]
struct ProcMeter {
    root: Sysroot,
    own: OwnProcesses,
    opened: Instant,
    waits: Mutex<RunQueueWait>,
}

/// The meter below `root`, to which `own` are the measurement's processes; `None` if the system does
/// not report CPU times.
pub fn load_meter(root: &Sysroot, own: OwnProcesses) -> Option<Box<dyn LoadMeter>> {
    CpuTimes::read(root)?;
    let (opened, waits) = (Instant::now(), Mutex::default());
    Some(Box::new(ProcMeter { root: root.clone(), own, opened, waits }))
}

impl LoadMeter for ProcMeter {
    fn read(&self) -> LoadCounters {
        let times = CpuTimes::read(&self.root).unwrap_or_default();
        let mut pids = processes::with_descendants(&self.root, &self.own.servers);
        if !pids.contains(&self.own.benchmark) {
            pids.push(self.own.benchmark);
        }
        // The sums remain valid after a panic of another reader.
        let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        LoadCounters {
            at: self.opened.elapsed(),
            cpus: times.cpus,
            busy: times.busy,
            idle: times.idle,
            stolen: times.stolen,
            own: processes::cpu_time(&self.root, &pids),
            own_has_server: self.own.has_server,
            waited: waits.total(&self.root, &pids),
            stalled: stalled(&self.root),
            throttled: cgroup::throttled(&self.root),
        }
    }
}

/// Time in which at least one task waited for a CPU: the total of the line `some`, in µs.
fn stalled(root: &Sysroot) -> Option<Duration> {
    let text = root.read(PRESSURE).ok()??;
    let line = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let total = line.split_whitespace().find_map(|field| field.strip_prefix("total="))?;
    Some(Duration::from_micros(total.parse().ok()?))
}

#[cfg(test)]
mod tests;
