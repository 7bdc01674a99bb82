//! CPU times of the machine, from `/proc/stat`.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::sysroot::Sysroot;

const STAT: &str = "/proc/stat";
const STATUS: &str = "/proc/self/status";

/// Duration of a tick of `/proc`: `USER_HZ` is 100 on all architectures with Linux today, whatever
/// the kernel's own rate (proc(5)).
const TICK: Duration = Duration::from_millis(10);

/// Totals over the CPUs that this process may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CpuTimes {
    pub(super) cpus: u32,
    pub(super) busy: Option<Duration>,
    pub(super) idle: Option<Duration>,
    /// `None` in a kernel that does not report it.
    pub(super) stolen: Option<Duration>,
}

impl CpuTimes {
    /// Reads the lines `cpu0`, `cpu1` and so on; `None` without any.
    ///
    /// Time of interrupts counts as neither busy nor idle: it belongs to no program, and that of the
    /// loopback interface is the measurement's own.
    pub(super) fn read(root: &Sysroot) -> Option<Self> {
        let text = root.read(STAT).ok()??;
        let allowed = allowed(root);
        let mut times = Self::default();
        for line in text.lines() {
            let Some((number, fields)) = line.strip_prefix("cpu").and_then(|l| l.split_once(' '))
            else {
                continue;
            };
            // The line `cpu` without a number is the sum of all.
            let Ok(number) = number.parse::<u32>() else { continue };
            if allowed.as_ref().is_none_or(|allowed| allowed.iter().any(|r| r.contains(&number))) {
                times.add(fields);
            }
        }
        (times.cpus > 0).then_some(times)
    }

    /// Adds a CPU: user, nice, system, idle, iowait, irq, softirq, steal, and guest times, which user
    /// and nice include.
    fn add(&mut self, fields: &str) {
        let ticks: Vec<Option<u64>> =
            fields.split_whitespace().map(|field| field.parse().ok()).collect();
        let at = |index: usize| ticks.get(index).copied().flatten();
        let added = |total: Option<Duration>, ticks: Option<u64>| {
            let total = if self.cpus == 0 { Some(Duration::ZERO) } else { total };
            total?.checked_add(time(ticks?))
        };
        let idle = at(3).map(|idle| idle.saturating_add(at(4).unwrap_or(0)));
        (self.busy, self.idle, self.stolen) = (
            added(self.busy, [at(0), at(1), at(2)].into_iter().sum()),
            added(self.idle, idle),
            added(self.stolen, at(7)),
        );
        self.cpus += 1;
    }
}

/// Time of so many ticks.
pub(super) fn time(ticks: u64) -> Duration {
    let millis = u64::try_from(TICK.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(ticks.saturating_mul(millis))
}

/// CPUs that this process may use; `None` for all.
fn allowed(root: &Sysroot) -> Option<Vec<RangeInclusive<u32>>> {
    let status = root.read(STATUS).ok()??;
    let cpus = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.trim().parse().ok()?..=last.trim().parse().ok()?)
    };
    cpus.trim().split(',').map(range).collect()
}
