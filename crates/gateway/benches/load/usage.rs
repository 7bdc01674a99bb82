//! CPU time and memory of a process, from `/proc`.

use std::ops::Sub;
use std::time::Duration;

/// Name of the threads that serve HTTP.
pub const HTTP: &str = "http";

/// CPU time and memory of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// CPU time of all its threads, in user and kernel.
    pub cpu: Duration,
    /// CPU time of the threads named [`HTTP`].
    pub http: Duration,
    /// Current resident memory, in bytes.
    pub rss: u64,
}

impl Usage {
    /// Usage of process `id`; CPU time has a resolution of 10 ms.
    #[cfg(target_os = "linux")]
    pub fn of(id: u32) -> anyhow::Result<Self> {
        use anyhow::Context;
        use procfs::process::{Process, Stat};

        let process = Process::new(i32::try_from(id)?)?;
        let per_second = procfs::ticks_per_second() as f64;
        let time =
            |stat: &Stat| Duration::from_secs_f64((stat.utime + stat.stime) as f64 / per_second);
        let threads: Vec<Stat> =
            process.tasks()?.flatten().filter_map(|task| task.stat().ok()).collect();
        let http = threads.iter().filter(|thread| thread.comm == HTTP).map(time).sum();
        let rss = process.status()?.vmrss.context("the kernel does not report VmRSS")?;
        Ok(Self { cpu: time(&process.stat()?), http, rss: rss * 1024 })
    }

    /// Usage of process `id`.
    #[cfg(not(target_os = "linux"))]
    pub fn of(_id: u32) -> anyhow::Result<Self> {
        anyhow::bail!("CPU time and memory are read from /proc, which only Linux has")
    }

    /// Usage of this process.
    pub fn own() -> anyhow::Result<Self> {
        Self::of(std::process::id())
    }
}

impl Sub for Usage {
    /// CPU time between two samples: of all threads, and of the HTTP threads.
    type Output = (Duration, Duration);

    fn sub(self, before: Self) -> Self::Output {
        (self.cpu.saturating_sub(before.cpu), self.http.saturating_sub(before.http))
    }
}
