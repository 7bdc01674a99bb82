//! Load of other programs on the machine under measurement.
//!
//! Owns: the figures of an interval from a meter's counters, and the limit from which on a machine
//! counts as busy.
//!
//! Invariants: counters that cannot be trusted yield no figure, never a zero; the own load of the
//! measurement never counts as that of others.
//!
//! Does not do: read counters (`hardware`).

use std::fmt;
use std::time::Duration;

use harmonic_types::{LoadCounters, LoadFigures};

/// Share of the CPUs from which on other programs make a machine busy. What they take, a level
/// lacks, and levels within [`crate::verdict::PLATEAU_WITH_INTERVALS`] of each other are ranked
/// (`docs/sources.md#load-of-other-programs`).
pub const BUSY_SHARE: f64 = 0.1;

/// CPUs from which on other programs make a machine of many CPUs busy: the threads of an engine wait
/// for the slowest of them in every layer, so half a CPU delays all
/// (`docs/sources.md#load-of-other-programs`).
pub const BUSY_CPUS: f64 = 0.5;

/// Share of idle CPUs from which on [`BUSY_CPUS`] does not apply: the threads of the measurement then
/// find a free CPU, as with an engine on a GPU.
const MOSTLY_IDLE: f64 = 0.75;

/// Least share of the time of all CPUs that counters must account for; less means that the system
/// does not count (some sandboxes report zeros).
const ACCOUNTED: f64 = 0.5;

/// Counters of the interval between two readings.
pub fn load_between(from: &LoadCounters, to: &LoadCounters) -> LoadCounters {
    let since = |of: fn(&LoadCounters) -> Option<Duration>| Some(of(to)?.saturating_sub(of(from)?));
    LoadCounters {
        at: to.at.saturating_sub(from.at),
        cpus: to.cpus,
        busy: since(|counters| counters.busy),
        idle: since(|counters| counters.idle),
        stolen: since(|counters| counters.stolen),
        own: since(|counters| counters.own),
        own_has_server: from.own_has_server && to.own_has_server,
        waited: since(|counters| counters.waited),
        stalled: since(|counters| counters.stalled),
        throttled: since(|counters| counters.throttled),
    }
}

/// Counters of several intervals together; `None` without any.
pub fn load_over(intervals: impl IntoIterator<Item = LoadCounters>) -> Option<LoadCounters> {
    let both = |one: Option<Duration>, other: Option<Duration>| Some(one? + other?);
    intervals.into_iter().reduce(|sum, next| LoadCounters {
        at: sum.at + next.at,
        cpus: sum.cpus.max(next.cpus),
        busy: both(sum.busy, next.busy),
        idle: both(sum.idle, next.idle),
        stolen: both(sum.stolen, next.stolen),
        own: both(sum.own, next.own),
        own_has_server: sum.own_has_server && next.own_has_server,
        waited: both(sum.waited, next.waited),
        stalled: both(sum.stalled, next.stalled),
        throttled: both(sum.throttled, next.throttled),
    })
}

/// Figures of an `interval`; `None` if nothing was counted.
pub fn load_figures(interval: &LoadCounters) -> Option<LoadFigures> {
    let seconds = interval.at.as_secs_f64();
    if seconds <= 0.0 || interval.cpus == 0 {
        return None;
    }
    let mean = |time: Option<Duration>| Some(time?.as_secs_f64() / seconds);
    let times = [interval.busy, interval.idle, interval.stolen.or(Some(Duration::ZERO))];
    let all: Option<Duration> = times.into_iter().sum();
    let least = seconds * f64::from(interval.cpus) * ACCOUNTED;
    let is_counted = all.is_some_and(|all| all.as_secs_f64() >= least);
    let others = interval.busy.zip(interval.own).map(|(busy, own)| busy.saturating_sub(own));
    let figures = LoadFigures {
        cpus: interval.cpus,
        others_cpus: mean(others)
            .filter(|_| is_counted && interval.own_has_server)
            // The clocks of the two do not tick together.
            .map(|used| used.min(f64::from(interval.cpus))),
        own_cpus: mean(interval.own),
        idle_cpus: mean(interval.idle).filter(|_| is_counted),
        stolen_cpus: mean(interval.stolen).filter(|_| is_counted),
        throttled_cpus: mean(interval.throttled),
        waiting_threads: mean(interval.waited),
        stalled_share: mean(interval.stalled).map(|share| share.min(1.0)),
    };
    let nothing = LoadFigures { cpus: interval.cpus, ..LoadFigures::default() };
    (figures != nothing).then_some(figures)
}

/// Use of a machine by others, large enough to disturb a measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Disturbance {
    /// Other programs use its CPUs.
    Programs {
        /// CPUs used, mean.
        used: f64,
        /// CPUs of the machine.
        cpus: u32,
    },
    /// Other virtual machines use its CPUs.
    Hypervisor {
        /// CPUs taken, mean.
        taken: f64,
        /// CPUs of the machine.
        cpus: u32,
    },
}

impl fmt::Display for Disturbance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Programs { used, cpus } => {
                write!(f, "other programs used {used:.2} of {cpus} CPUs")
            }
            Self::Hypervisor { taken, cpus } => {
                write!(f, "the hypervisor withheld {taken:.2} of {cpus} CPUs")
            }
        }
    }
}

impl Disturbance {
    /// The larger disturbance of a machine with this load; `None` where both are below the limit.
    pub fn of(load: &LoadFigures) -> Option<Self> {
        let cpus = f64::from(load.cpus);
        let is_idle = load.idle_cpus.is_some_and(|idle| idle >= cpus * MOSTLY_IDLE);
        let share = cpus * BUSY_SHARE;
        let limit = if is_idle { share } else { share.min(BUSY_CPUS) };
        let large = |cpus: Option<f64>| cpus.filter(|cpus| *cpus >= limit);
        let used = large(load.others_cpus).map(|used| Self::Programs { used, cpus: load.cpus });
        let taken =
            large(load.stolen_cpus).map(|taken| Self::Hypervisor { taken, cpus: load.cpus });
        larger(used, taken)
    }

    /// CPUs used or taken.
    pub const fn size(&self) -> f64 {
        match self {
            Self::Programs { used: size, .. } | Self::Hypervisor { taken: size, .. } => *size,
        }
    }
}

/// The larger of two disturbances; of equal ones the first.
fn larger(one: Option<Disturbance>, other: Option<Disturbance>) -> Option<Disturbance> {
    match (one, other) {
        (Some(one), Some(other)) if other.size() > one.size() => Some(other),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests;
