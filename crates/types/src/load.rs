//! The interface through which a benchmark reads the load of other programs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Counters of CPU time: totals in a reading, differences over an interval. `None` where the system
/// does not report them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadCounters {
    /// Time of the reading, since an arbitrary origin.
    pub at: Duration,
    /// CPUs that this process may run on; the counters below cover these.
    pub cpus: u32,
    /// CPU time of all programs.
    pub busy: Option<Duration>,
    /// Time in which CPUs were idle.
    pub idle: Option<Duration>,
    /// Time in which the hypervisor ran something else instead.
    pub stolen: Option<Duration>,
    /// CPU time of the processes of the measurement.
    pub own: Option<Duration>,
    /// Whether `own` includes the server under load; false if its process cannot be identified.
    pub own_has_server: bool,
    /// Time in which threads of the measurement were ready to run and waited for a CPU, summed.
    pub waited: Option<Duration>,
    /// Time in which at least one task of the machine waited for a CPU (pressure stall information).
    pub stalled: Option<Duration>,
    /// Time in which a CPU quota stopped the control group, summed over CPUs.
    pub throttled: Option<Duration>,
}

/// Meter of the load of the machine that a target runs on: the reader subtracts two readings.
pub trait LoadMeter: Send + Sync {
    /// The current totals. Takes a few milliseconds at most.
    fn read(&self) -> LoadCounters;
}

/// Load of a machine over an interval: mean numbers of CPUs, and shares of the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LoadFigures {
    /// CPUs that the measurement may use.
    pub cpus: u32,
    /// CPUs used by other programs; `None` if the server's process cannot be told from them.
    pub others_cpus: Option<f64>,
    /// CPUs used by the benchmark and the server.
    pub own_cpus: Option<f64>,
    /// CPUs idle.
    pub idle_cpus: Option<f64>,
    /// CPUs taken by the hypervisor.
    pub stolen_cpus: Option<f64>,
    /// CPUs withheld by the quota of the control group.
    pub throttled_cpus: Option<f64>,
    /// Threads of the benchmark and the server that waited for a CPU.
    pub waiting_threads: Option<f64>,
    /// Share of the time in which at least one task waited for a CPU, from 0 to 1.
    pub stalled_share: Option<f64>,
}
