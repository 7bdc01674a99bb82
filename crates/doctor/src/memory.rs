//! Memory that other programs hold now.

use std::cmp::Reverse;

use harmonic_hardware::{HardwareError, Sysroot};
use harmonic_types::{Bytes, DeviceKind, Hardware};

use super::{Advice, Examined, Severity};

/// Below this not even a team on `smollm2:135m` starts: 269 MB of weights, a compute buffer of
/// 116 MB and a KV cache.
const LEAST: Bytes = Bytes(500_000_000);

/// Programs that are named, largest first.
const NAMED: usize = 3;

/// A smaller program is not worth naming.
const WORTH_NAMING: Bytes = Bytes(200_000_000);

/// A budget that is larger than what is available: a plan may be made and then not start.
pub(super) fn examine(root: &Sysroot, hardware: &Hardware) -> Examined {
    let (budget, available) = (hardware.memory_budget_bytes, hardware.memory_available_bytes);
    if available >= budget {
        return Ok(None);
    }
    let severity = if available < LEAST {
        Severity::Error
    } else if available.0 < budget.0 / 2 {
        Severity::Warning
    } else {
        Severity::Note
    };
    let why = format!(
        "a plan may spend {budget}, so one that needs the last {} of it will be refused at launch",
        budget.saturating_sub(available)
    );
    if hardware.devices.first().is_some_and(|device| device.kind == DeviceKind::DiscreteGpu) {
        let message = format!("{available} of the GPU's memory are free now");
        let hint = "`nvidia-smi` lists who holds it (AMD: `rocm-smi --showpids`)";
        return Ok(Some(Advice::new("memory-held", severity, message, why, hint)));
    }
    let holders = holders(root)?;
    let named = holders.iter().map(|holder| format!("{} {}", holder.name, holder.resident));
    let named = named.collect::<Vec<_>>().join(", ");
    let message = match named.as_str() {
        "" => format!("{available} of memory are available now"),
        named => format!("{available} of memory are available now; the largest holders: {named}"),
    };
    let hint = match holders.first() {
        Some(holder) if holder.name.starts_with("ollama") => {
            "`ollama ps` lists the models it holds, `ollama stop MODEL` unloads one".to_owned()
        }
        Some(holder) => {
            format!("stop what is not needed: `kill {}` ends {}", holder.id, holder.name)
        }
        None => "`ps -eo pid,rss,comm --sort=-rss | head` lists who holds it".to_owned(),
    };
    Ok(Some(Advice::new("memory-held", severity, message, why, hint)))
}

/// A program that holds memory.
struct PortOwner {
    id: u32,
    name: String,
    resident: Bytes,
}

/// The largest programs by resident memory. Pages that several programs share count for each.
fn holders(root: &Sysroot) -> Result<Vec<PortOwner>, HardwareError> {
    let ids = root.list("/proc")?.into_iter().filter_map(|name| name.parse::<u32>().ok());
    // A program that ends meanwhile has no file any more and holds nothing.
    let mut holders: Vec<PortOwner> = ids
        .filter_map(|id| {
            let status = root.read(&format!("/proc/{id}/status")).ok()??;
            let name = field(&status, "Name")?.to_owned();
            let kilobytes = field(&status, "VmRSS")?.strip_suffix("kB")?.trim();
            let resident = Bytes(kilobytes.parse::<u64>().ok()?.checked_mul(1024)?);
            (resident >= WORTH_NAMING).then_some(PortOwner { id, name, resident })
        })
        .collect();
    holders.sort_by_key(|holder| (Reverse(holder.resident), holder.id));
    holders.truncate(NAMED);
    Ok(holders)
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.trim())
}
