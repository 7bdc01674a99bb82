//! CPU clocks limited by the kernel.
//!
//! `powersave` has two meanings. With drivers that let the CPU choose the clock (`intel_pstate`,
//! `amd-pstate-epp`) it is the normal dynamic mode, governed by the energy preference. With every
//! other driver it pins the clock to its minimum (kernel: `admin-guide/pm/cpufreq.rst`).

use harmonic_hardware::{HardwareError, Sysroot};

use super::{Advice, CheckResult, Severity};

const CPUS: &str = "/sys/devices/system/cpu";

const AUTONOMOUS_DRIVERS: [&str; 3] = ["intel_pstate", "amd-pstate-epp", "amd_pstate_epp"];

/// Reports CPUs whose clock is limited.
pub(super) fn check(root: &Sysroot) -> CheckResult {
    let mut all = 0_usize;
    let mut slow = Vec::new();
    for name in root.list(CPUS)? {
        let is_cpu = name
            .strip_prefix("cpu")
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()));
        if is_cpu && let Some(policy) = Policy::read(root, &name)? {
            all += 1;
            slow.extend(policy.slow());
        }
    }
    let Some(first) = slow.first() else { return Ok(None) };
    let why = first.range.map_or_else(
        || "prefill is bound by arithmetic: its speed is proportional to the clock".to_owned(),
        |(least, most)| {
            format!(
                "prefill is bound by arithmetic: at {:.1} of {:.1} GHz it runs at {:.0}% of its speed",
                ghz(least),
                ghz(most),
                100.0 * ghz(least) / ghz(most)
            )
        },
    );
    let severity = if first.pinned { Severity::Warning } else { Severity::Note };
    Ok(Some(Advice::new(
        "governor-powersave",
        severity,
        format!("{} of {all} CPUs {}", slow.len(), first.what),
        why,
        format!("`echo {} | sudo tee {CPUS}/cpu*/cpufreq/{}`", first.better, first.file),
    )))
}

fn ghz(kilohertz: u32) -> f64 {
    f64::from(kilohertz) / 1e6
}

/// Frequency scaling of one CPU.
struct Policy {
    governor: String,
    driver: String,
    preference: String,
    /// Minimum and maximum, kHz.
    range: Option<(u32, u32)>,
}

/// One CPU with a limited clock.
struct Slow {
    what: String,
    pinned: bool,
    range: Option<(u32, u32)>,
    better: &'static str,
    file: &'static str,
}

impl Policy {
    /// `None` if the kernel does not scale the clock (virtual machines).
    fn read(root: &Sysroot, cpu: &str) -> Result<Option<Self>, HardwareError> {
        let read = |file: &str| root.read(&format!("{CPUS}/{cpu}/cpufreq/{file}"));
        let Some(governor) = read("scaling_governor")? else { return Ok(None) };
        let clock = |text: Option<String>| text.and_then(|text| text.trim().parse::<u32>().ok());
        let (least, most) = (read("cpuinfo_min_freq")?, read("cpuinfo_max_freq")?);
        let range = match (clock(least), clock(most)) {
            (Some(least), Some(most)) if least < most => Some((least, most)),
            _ => None,
        };
        let preference = read("energy_performance_preference")?.unwrap_or_default();
        Ok(Some(Self {
            governor: governor.trim().to_owned(),
            driver: read("scaling_driver")?.unwrap_or_default().trim().to_owned(),
            preference: preference.trim().to_owned(),
            range,
        }))
    }

    fn slow(self) -> Option<Slow> {
        if self.governor != "powersave" {
            return None;
        }
        if !AUTONOMOUS_DRIVERS.contains(&self.driver.as_str()) {
            return Some(Slow {
                what: "are pinned to their lowest clock by the governor `powersave`".to_owned(),
                pinned: true,
                range: self.range,
                better: "performance",
                file: "scaling_governor",
            });
        }
        let frugal = matches!(self.preference.as_str(), "power" | "balance_power");
        frugal.then(|| Slow {
            what: format!("prefer a low clock (energy preference `{}`)", self.preference),
            pinned: false,
            range: self.range,
            better: "balance_performance",
            file: "energy_performance_preference",
        })
    }
}
