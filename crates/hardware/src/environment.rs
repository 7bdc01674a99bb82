//! Human-readable description of the machine for benchmark records.
//!
//! Invariants: an unreadable fact is omitted; nothing is guessed.

use harmonic_types::counted;

use crate::machine::Machine;
use crate::sysroot::Sysroot;

/// CPU, memory, GPUs and drivers, kernel, governor, and whether the machine is virtual.
pub fn environment(root: &Sysroot) -> Vec<String> {
    let mut lines = Vec::new();
    if let Ok(machine) = Machine::read(root) {
        let host = &machine.host;
        lines.push(format!("{}, {}", host.cpu.name, counted(host.threads(), "thread")));
        lines.push(format!("{} of memory", host.total()));
        lines.extend(machine.gpus.iter().map(|gpu| format!("GPU: {}", gpu.name)));
    }
    if let Some(driver) = nvidia_driver(root) {
        lines.push(format!("NVIDIA driver {driver}"));
    }
    if let Some(release) = line(root, "/proc/sys/kernel/osrelease") {
        lines.push(format!("Linux {release}"));
    }
    if let Some(governor) = line(root, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") {
        lines.push(format!("CPU governor {governor}"));
    }
    if is_virtual(root) {
        lines.push("a virtual machine".to_owned());
    }
    lines
}

/// The first line of a file, if not empty.
fn line(root: &Sysroot, path: &str) -> Option<String> {
    let text = root.read(path).ok()??;
    let line = text.lines().next()?.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

/// The first dotted number in `NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.95.05  …`.
fn nvidia_driver(root: &Sysroot) -> Option<String> {
    let text = line(root, "/proc/driver/nvidia/version")?;
    let is_version =
        |word: &&str| word.contains('.') && word.chars().all(|c| c.is_ascii_digit() || c == '.');
    text.split_whitespace().find(is_version).map(str::to_owned)
}

/// Whether the CPU has x86's flag `hypervisor`.
fn is_virtual(root: &Sysroot) -> bool {
    let text = root.read("/proc/cpuinfo").ok().flatten().unwrap_or_default();
    text.lines()
        .filter_map(|line| line.strip_prefix("flags"))
        .any(|flags| flags.split_whitespace().any(|flag| flag == "hypervisor"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_facts_of_a_recorded_machine_are_listed() {
        let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
        let lines =
            |name: &str| environment(&Sysroot::new(format!("{fixtures}/{name}"))).join("\n");
        insta::assert_snapshot!(lines("strix-halo-96gb"), @r"
        AMD RYZEN AI MAX+ 395 w/ Radeon 8060S, 32 threads
        33.3 GB of memory
        GPU: AMD Radeon 8060S
        Linux 7.1.2
        ");
        insta::assert_snapshot!(lines("two-gpus"), @r"
        AMD Ryzen Threadripper 7960X 24-Cores, 48 threads
        270.0 GB of memory
        GPU: NVIDIA GeForce RTX 4090
        GPU: NVIDIA GeForce RTX 4090
        ");
        assert_eq!(environment(&Sysroot::new("/nonexistent")), Vec::<String>::new());
    }

    #[test]
    fn the_driver_version_is_parsed() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("proc/driver/nvidia");
        std::fs::create_dir_all(&folder).unwrap();
        let text = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release";
        std::fs::write(folder.join("version"), text).unwrap();
        let root = Sysroot::new(home.path());
        assert_eq!(nvidia_driver(&root).as_deref(), Some("580.95.05"));
    }
}
