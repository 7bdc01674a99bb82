//! Sensors of the CPU: temperature of hwmon or a thermal zone, clocks of cpufreq, and the kernel's
//! counters of throttling.

use std::sync::{Mutex, PoisonError};

use harmonic_types::{SensorReading, Sensors};

use crate::sysroot::Sysroot;

/// Drivers of CPU temperature sensors.
const CHIPS: [&str; 4] = ["coretemp", "k10temp", "zenpower", "cpu_thermal"];

const HWMON: &str = "/sys/class/hwmon";
const ZONES: &str = "/sys/class/thermal";
const CPUS: &str = "/sys/devices/system/cpu";

/// Sensor files of the CPU.
#[derive(Debug)]
pub(super) struct CpuSensors {
    root: Sysroot,
    temperatures: Vec<String>,
    clocks: Vec<String>,
    throttles: Vec<String>,
    /// Throttling events at the previous reading.
    before: Mutex<Option<f64>>,
}

impl CpuSensors {
    /// The sensors with readable files.
    pub(super) fn new(root: &Sysroot) -> Self {
        let cpus: Vec<String> = root
            .list(CPUS)
            .unwrap_or_default()
            .into_iter()
            .filter(|name| name.strip_prefix("cpu").is_some_and(is_number))
            .map(|name| format!("{CPUS}/{name}"))
            .collect();
        let of_each = |files: &[&str]| -> Vec<String> {
            let paths = cpus.iter().flat_map(|cpu| files.iter().map(move |f| format!("{cpu}/{f}")));
            paths.filter(|path| number(root, path).is_some()).collect()
        };
        let throttles = of_each(&["thermal_throttle/core_throttle_count"]);
        let before = Mutex::new(sum(root, &throttles));
        Self {
            temperatures: temperatures(root),
            clocks: of_each(&["cpufreq/scaling_cur_freq"]),
            throttles,
            before,
            root: root.clone(),
        }
    }

    fn throttled(&self) -> Option<bool> {
        let now = sum(&self.root, &self.throttles)?;
        // The count remains valid after a panic of another reader.
        let mut before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        Some(before.replace(now).is_some_and(|before| now > before))
    }
}

impl Sensors for CpuSensors {
    fn read(&self) -> SensorReading {
        let temperatures =
            self.temperatures.iter().filter_map(|path| number(&self.root, path)).map(|m| m / 1e3);
        let clocks: Vec<f64> =
            self.clocks.iter().filter_map(|path| number(&self.root, path)).collect();
        SensorReading {
            temperature_c: temperatures.reduce(f64::max),
            clock_mhz: (!clocks.is_empty())
                .then(|| clocks.iter().sum::<f64>() / clocks.len() as f64 / 1e3),
            throttled: self.throttled(),
        }
    }
}

/// Temperature files (m°C) of CPU sensors, otherwise of CPU thermal zones.
fn temperatures(root: &Sysroot) -> Vec<String> {
    let mut found = Vec::new();
    for chip in root.list(HWMON).unwrap_or_default() {
        let chip = format!("{HWMON}/{chip}");
        if text(root, &format!("{chip}/name")).is_none_or(|name| !CHIPS.contains(&&*name)) {
            continue;
        }
        let files = root.list(&chip).unwrap_or_default();
        let is_input = |file: &String| file.starts_with("temp") && file.ends_with("_input");
        found.extend(files.into_iter().filter(is_input).map(|file| format!("{chip}/{file}")));
    }
    if found.is_empty() {
        for zone in root.list(ZONES).unwrap_or_default() {
            let zone = format!("{ZONES}/{zone}");
            let kind = text(root, &format!("{zone}/type")).unwrap_or_default();
            if kind == "x86_pkg_temp" || kind.starts_with("cpu") {
                found.push(format!("{zone}/temp"));
            }
        }
    }
    found.retain(|path| number(root, path).is_some());
    found
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Sum over files; `None` if none is readable.
fn sum(root: &Sysroot, paths: &[String]) -> Option<f64> {
    let counts: Vec<f64> = paths.iter().filter_map(|path| number(root, path)).collect();
    (!counts.is_empty()).then(|| counts.iter().sum())
}

fn text(root: &Sysroot, path: &str) -> Option<String> {
    Some(root.read(path).ok()??.trim().to_owned())
}

/// The number in a file.
pub(super) fn number(root: &Sysroot, path: &str) -> Option<f64> {
    text(root, path)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_cpu_is_read_from_its_files() {
        let home = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = home.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("sys/class/hwmon/hwmon0/name", "nvme\n");
        write("sys/class/hwmon/hwmon0/temp1_input", "99000\n");
        write("sys/class/hwmon/hwmon1/name", "k10temp\n");
        write("sys/class/hwmon/hwmon1/temp1_input", "61250\n");
        write("sys/class/hwmon/hwmon1/temp3_input", "58000\n");
        for (cpu, clock) in [(0, "3000000"), (1, "5000000")] {
            let cpu = format!("sys/devices/system/cpu/cpu{cpu}");
            write(&format!("{cpu}/cpufreq/scaling_cur_freq"), clock);
            write(&format!("{cpu}/thermal_throttle/core_throttle_count"), "7\n");
        }
        let sensors = CpuSensors::new(&Sysroot::new(home.path()));
        let calm = SensorReading {
            temperature_c: Some(61.25),
            clock_mhz: Some(4000.0),
            throttled: Some(false),
        };
        assert_eq!(sensors.read(), calm);
        write("sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count", "8\n");
        assert_eq!(sensors.read().throttled, Some(true), "since the last reading");
        assert_eq!(sensors.read().throttled, Some(false));
    }

    #[test]
    fn without_a_sensor_the_thermal_zone_is_read_and_without_files_nothing() {
        let home = tempfile::tempdir().unwrap();
        let zone = home.path().join("sys/class/thermal/thermal_zone0");
        fs::create_dir_all(&zone).unwrap();
        fs::write(zone.join("type"), "x86_pkg_temp\n").unwrap();
        fs::write(zone.join("temp"), "45000\n").unwrap();
        let sensors = CpuSensors::new(&Sysroot::new(home.path()));
        let expected = SensorReading { temperature_c: Some(45.0), ..SensorReading::default() };
        assert_eq!(sensors.read(), expected);
        let nothing = CpuSensors::new(&Sysroot::new("/nonexistent"));
        assert_eq!(nothing.read(), SensorReading::default());
    }
}
