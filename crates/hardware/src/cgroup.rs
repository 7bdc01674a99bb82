//! Limits of memory and CPU time by control groups, versions 1 and 2, and the time for which the
//! latter stopped this process.
//!
//! Limits of all groups from the process's own to the root apply, so all are read. In a container
//! the path in `/proc/self/cgroup` may be the host's while only the container's part is mounted;
//! `/proc/self/mountinfo` states that part.
//!
//! Does not do: change limits.

use std::time::Duration;

use harmonic_types::Bytes;

use crate::error::HardwareError;
use crate::sysroot::Sysroot;

mod hierarchy;

use hierarchy::{Hierarchy, Version};

/// Limits on this process; `None` is unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Smallest memory limit up to the root.
    pub memory: Option<Bytes>,
    /// Smallest remainder of a memory limit up to the root; page cache that the kernel can drop
    /// (`inactive_file`) counts as free.
    pub memory_left: Option<Bytes>,
    /// Smallest CPU quota up to the root, in CPUs rounded down, at least 1.
    pub cpus: Option<u32>,
}

impl Limits {
    /// Reads the limits of the calling process. A machine without control groups has none.
    ///
    /// # Errors
    /// If a control file exists but cannot be read or parsed.
    pub fn read(root: &Sysroot) -> Result<Self, HardwareError> {
        let mut limits = Self::default();
        for hierarchy in Hierarchy::of_this_process(root)? {
            for group in hierarchy.groups() {
                if hierarchy.controls_memory() {
                    limits.add_memory(root, hierarchy.version, &group)?;
                }
                if hierarchy.controls_cpu() {
                    limits.add_cpu(root, hierarchy.version, &group)?;
                }
            }
        }
        Ok(limits)
    }

    fn add_memory(
        &mut self,
        root: &Sysroot,
        version: Version,
        group: &str,
    ) -> Result<(), HardwareError> {
        let (limit, usage, reclaimable) = match version {
            Version::V2 => ("memory.max", "memory.current", "inactive_file"),
            Version::V1 => {
                ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            }
        };
        let Some(limit) = number(root, &format!("{group}/{limit}"))? else { return Ok(()) };
        self.memory = Some(self.memory.map_or(Bytes(limit), |least| least.min(Bytes(limit))));
        // Recorded machines may lack the usage, which then counts as 0.
        let used = number(root, &format!("{group}/{usage}"))?.unwrap_or(0);
        let stat = root.read(&format!("{group}/memory.stat"))?.unwrap_or_default();
        let reclaimable = stat
            .lines()
            .find_map(|line| line.strip_prefix(reclaimable)?.trim().parse::<u64>().ok())
            .unwrap_or(0);
        let left = Bytes(limit.saturating_sub(used.saturating_sub(reclaimable)));
        self.memory_left = Some(self.memory_left.map_or(left, |least| least.min(left)));
        Ok(())
    }

    fn add_cpu(
        &mut self,
        root: &Sysroot,
        version: Version,
        group: &str,
    ) -> Result<(), HardwareError> {
        let (quota, period) = match version {
            Version::V2 => {
                let path = format!("{group}/cpu.max");
                let Some(text) = root.read(&path)? else { return Ok(()) };
                let Some((quota, period)) = text.trim().split_once(' ') else {
                    return Err(root.malformed(&path, "a quota and a period", &text));
                };
                if quota == "max" {
                    return Ok(());
                }
                match (quota.parse::<u64>(), period.parse::<u64>()) {
                    (Ok(quota), Ok(period)) => (quota, period),
                    _ => return Err(root.malformed(&path, "a quota and a period", &text)),
                }
            }
            Version::V1 => {
                let quota = number(root, &format!("{group}/cpu.cfs_quota_us"))?;
                let period = number(root, &format!("{group}/cpu.cfs_period_us"))?;
                let (Some(quota), Some(period)) = (quota, period) else { return Ok(()) };
                (quota, period)
            }
        };
        let cpus = quota.checked_div(period).unwrap_or(u64::MAX).max(1);
        let cpus = u32::try_from(cpus).unwrap_or(u32::MAX);
        self.cpus = Some(self.cpus.map_or(cpus, |least| least.min(cpus)));
        Ok(())
    }
}

/// Time for which CPU quotas stopped the groups of this process, summed over CPUs and groups; `None`
/// if no group reports it.
pub(crate) fn throttled(root: &Sysroot) -> Option<Duration> {
    let hierarchies = Hierarchy::of_this_process(root).ok()?;
    let mut total = None;
    for hierarchy in hierarchies.iter().filter(|hierarchy| hierarchy.controls_cpu()) {
        let (name, unit) = match hierarchy.version {
            Version::V2 => ("throttled_usec ", Duration::from_micros(1)),
            Version::V1 => ("throttled_time ", Duration::from_nanos(1)),
        };
        for group in hierarchy.groups() {
            let stat = root.read(&format!("{group}/cpu.stat")).ok().flatten().unwrap_or_default();
            let count = stat.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
            let time = |count: u64| Duration::from_secs_f64(count as f64 * unit.as_secs_f64());
            total = count.map(|count| total.unwrap_or_default() + time(count)).or(total);
        }
    }
    total
}

/// The number in a control file; `None` if the file is absent or states no limit (`max` in
/// version 2, −1 in version 1).
fn number(root: &Sysroot, path: &str) -> Result<Option<u64>, HardwareError> {
    let Some(text) = root.read(path)? else { return Ok(None) };
    match text.trim() {
        "max" | "-1" => Ok(None),
        digits => match digits.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(root.malformed(path, "a number", &text)),
        },
    }
}

#[cfg(test)]
mod tests;
