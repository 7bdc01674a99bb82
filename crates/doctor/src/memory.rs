//! Memory used by other processes.

use std::cmp::Reverse;
use std::iter;

use harmonic_hardware::{HardwareError, Sysroot};
use harmonic_types::{Bytes, DeviceKind, Hardware};

use super::{Advice, CheckResult, Facts, Severity};

/// Minimum for a stack on `smollm2:135m`: 269 MB of weights, a compute buffer of 116 MB and a KV
/// cache.
const MINIMUM: Bytes = Bytes(500_000_000);

/// Maximum number of processes listed.
const MAX_LISTED: usize = 3;

/// Ancestors of a process that are looked at, itself included.
const MAX_ANCESTORS: usize = 16;

/// Least resident memory of a listed process.
const MIN_LISTED: Bytes = Bytes(200_000_000);

/// Reports less available memory than the budget: a plan may not start.
pub(super) fn check(root: &Sysroot, hardware: &Hardware, facts: &Facts) -> CheckResult {
    let (budget, available) = (hardware.memory_budget_bytes, hardware.memory_available_bytes);
    if available >= budget {
        return Ok(None);
    }
    let severity = if available < MINIMUM {
        Severity::Error
    } else if available.0 < budget.0 / 2 {
        Severity::Warning
    } else {
        Severity::Note
    };
    let why = format!(
        "the budget of a plan is {budget}: a plan that needs the last {} of it is refused at launch",
        budget.saturating_sub(available)
    );
    if hardware.devices.first().is_some_and(|device| device.kind == DeviceKind::DiscreteGpu) {
        let message = format!("{available} of the GPU's memory are free now");
        let hint = "`nvidia-smi` lists the processes that use it (AMD: `rocm-smi --showpids`)";
        return Ok(Some(Advice::new("memory-held", severity, message, why, hint)));
    }
    let processes = largest_processes(root)?;
    let listed = processes.iter().map(|process| format!("{} {}", process.name, process.resident));
    let listed = listed.collect::<Vec<_>>().join(", ");
    let message = match listed.as_str() {
        "" => format!("{available} of memory are available now"),
        listed => format!("{available} of memory are available now; largest processes: {listed}"),
    };
    let first = processes.first();
    let hint = match first.map(|process| (process, stop_team(root, process.id, facts))) {
        Some((process, Some(stop))) => {
            format!("{} belongs to a team of harmonic: `{stop}` stops that team", process.name)
        }
        Some((process, None)) if process.name.starts_with("ollama") => {
            "`ollama ps` lists its loaded models, `ollama stop MODEL` unloads one".to_owned()
        }
        Some((process, None)) => {
            format!("stop unneeded programs: `kill {}` ends {}", process.id, process.name)
        }
        None => {
            "`ps -eo pid,rss,comm --sort=-rss | head` lists the processes that use it".to_owned()
        }
    };
    Ok(Some(Advice::new("memory-held", severity, message, why, hint)))
}

/// Command that stops the team of ours to which the process `id` belongs: it is the team's own, or one
/// that it started.
fn stop_team<'f>(root: &Sysroot, id: u32, facts: &'f Facts) -> Option<&'f str> {
    let parent = |id: &u32| {
        let status = root.read(&format!("/proc/{id}/status")).ok()??;
        field(&status, "PPid")?.parse::<u32>().ok().filter(|parent| *parent > 0)
    };
    let mut line = iter::successors(Some(id), parent).take(MAX_ANCESTORS);
    line.find_map(|id| facts.teams.get(&id)).map(String::as_str)
}

/// A process with much resident memory.
struct Process {
    id: u32,
    name: String,
    resident: Bytes,
}

/// The largest processes by resident memory. Shared pages count for each process.
fn largest_processes(root: &Sysroot) -> Result<Vec<Process>, HardwareError> {
    let ids = root.list("/proc")?.into_iter().filter_map(|name| name.parse::<u32>().ok());
    // A process that ends meanwhile has no file and is skipped.
    let mut processes: Vec<Process> = ids
        .filter_map(|id| {
            let status = root.read(&format!("/proc/{id}/status")).ok()??;
            let name = field(&status, "Name")?.to_owned();
            let kilobytes = field(&status, "VmRSS")?.strip_suffix("kB")?.trim();
            let resident = Bytes(kilobytes.parse::<u64>().ok()?.checked_mul(1024)?);
            (resident >= MIN_LISTED).then_some(Process { id, name, resident })
        })
        .collect();
    processes.sort_by_key(|process| (Reverse(process.resident), process.id));
    processes.truncate(MAX_LISTED);
    Ok(processes)
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.trim())
}
