//! The energy counters of CPU packages (RAPL), through Linux's powercap: Intel, and AMD from family
//! 17h under the same names.
//!
//! Invariants: the total never decreases during the meter's lifetime; a wrap of a counter is
//! detected if the meter is read more often than the counter wraps (about 260 kJ: 20 minutes at 200
//! W).
//!
//! Does not do: read `psys` and DRAM zones, which have other scopes, or `intel-rapl-mmio`, which
//! counts the same package again.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use harmonic_types::{EnergyMeter, EnergyMethod, Joules, MeterError, PowerScope};

use crate::sysroot::Sysroot;

const POWERCAP: &str = "/sys/class/powercap";

/// Remedy for missing permissions: only root may read the counters since Linux 5.10
/// (CVE-2020-8694).
const PERMISSION_REMEDY: &str = "only root may read it: grant access until the next boot with `sudo \
                                chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj`";

/// Counter of one package.
#[derive(Debug)]
struct Zone {
    counter: PathBuf,
    /// Value at which the counter wraps, µJ.
    range: u64,
    /// Previous reading, µJ.
    last: u64,
}

/// A meter of all CPU packages together.
#[derive(Debug)]
pub struct RaplMeter {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    zones: Vec<Zone>,
    /// µJ since the meter was opened.
    total: u64,
}

impl RaplMeter {
    /// A meter over all CPU packages below `root`; `None` if there is no such counter.
    ///
    /// # Errors
    /// If a package's counter exists but cannot be read.
    pub fn open(root: &Sysroot) -> Result<Option<Self>, MeterError> {
        let names = root.list(POWERCAP).map_err(|error| MeterError {
            meter: root.path(POWERCAP).display().to_string(),
            reason: error.to_string(),
        })?;
        let mut zones = Vec::new();
        for name in names.iter().filter(|name| is_top_zone(name)) {
            let zone = root.path(&format!("{POWERCAP}/{name}"));
            let Ok(label) = fs::read_to_string(zone.join("name")) else { continue };
            if label.trim().starts_with("package") {
                let counter = zone.join("energy_uj");
                let last = microjoules(&counter)?;
                zones.push(Zone {
                    range: microjoules(&zone.join("max_energy_range_uj"))?,
                    counter,
                    last,
                });
            }
        }
        if zones.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self { state: Mutex::new(State { zones, total: 0 }) }))
    }
}

/// Whether a zone is a package (`intel-rapl:0`) and not a part of one (`intel-rapl:0:0`).
fn is_top_zone(name: &str) -> bool {
    name.strip_prefix("intel-rapl:")
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

fn microjoules(path: &Path) -> Result<u64, MeterError> {
    let text = fs::read_to_string(path).map_err(|error| refused(path, &error))?;
    text.trim().parse().map_err(|_| MeterError {
        meter: path.display().to_string(),
        reason: format!("{:?} is not a number of microjoules", text.trim()),
    })
}

/// The error of reading `path`, with the remedy for missing permissions.
fn refused(path: &Path, error: &io::Error) -> MeterError {
    let reason = match error.kind() {
        ErrorKind::PermissionDenied => PERMISSION_REMEDY.to_owned(),
        _ => error.to_string(),
    };
    MeterError { meter: path.display().to_string(), reason }
}

impl EnergyMeter for RaplMeter {
    fn scope(&self) -> PowerScope {
        PowerScope::CpuPackage
    }

    fn method(&self) -> EnergyMethod {
        EnergyMethod::Counter
    }

    fn total(&self) -> Result<Joules, MeterError> {
        // The readings remain valid after a panic of another reader.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { zones, total } = &mut *state;
        for zone in zones {
            let now = microjoules(&zone.counter)?;
            let spent = if now >= zone.last {
                now - zone.last
            } else {
                zone.range.saturating_sub(zone.last).saturating_add(now)
            };
            zone.last = now;
            *total = total.saturating_add(spent);
        }
        Ok(Joules(*total as f64 / 1e6))
    }
}

#[cfg(test)]
mod tests;
