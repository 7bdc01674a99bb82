use std::fs;

use super::*;
use harmonic_types::PowerScope;

/// A recorded tree in a temporary directory.
struct Tree(tempfile::TempDir);

impl Tree {
    /// A host with `memory_kb` of memory and 8 threads of a CPU with AVX-512 and BF16.
    fn host(memory_kb: u64) -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        let available = memory_kb - 2_000_000;
        let meminfo = format!(
            "MemTotal:       {memory_kb} kB\nMemFree: 1 kB\nMemAvailable:   {available} kB\n"
        );
        let cpu = "processor\t: 0\nmodel name\t: AMD EPYC 9655\nflags\t\t: fpu avx avx2 f16c fma \
                   avx512f avx512_bf16 avx512_vnni\n\n";
        tree.with("proc/meminfo", &meminfo).with("proc/cpuinfo", &cpu.repeat(8))
    }

    fn with(self, path: &str, text: &str) -> Self {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn detect(&self) -> Result<Hardware, HardwareError> {
        detect(&Sysroot::new(self.0.path()))
    }
}

fn codes(hardware: &Hardware) -> Vec<&str> {
    hardware.warnings.iter().map(|warning| warning.code.as_str()).collect()
}

const HOST_KB: u64 = 64_000_000;

#[test]
fn a_plain_host_is_described_in_full() {
    let hardware = Tree::host(HOST_KB).detect().unwrap();
    insta::assert_json_snapshot!(hardware, @r#"
    {
      "schema": "harmonic.hardware/1",
      "profile": "cpu-generic",
      "name": "AMD EPYC 9655",
      "unified_memory": false,
      "memory_total_bytes": 65536000000,
      "memory_available_bytes": 63488000000,
      "memory_budget_bytes": 55705600000,
      "peak_parallel": 16,
      "max_parallel": 32,
      "devices": [
        {
          "id": "cpu",
          "kind": "cpu",
          "name": "AMD EPYC 9655",
          "memory_bytes": null,
          "threads": 8,
          "features": [
            "avx",
            "avx2",
            "f16c",
            "fma",
            "avx512f",
            "avx512_vnni",
            "avx512_bf16"
          ]
        }
      ],
      "power": null,
      "environment": {},
      "warnings": [],
      "provenance": {
        "/devices": "measured",
        "/max_parallel": "estimated",
        "/memory_available_bytes": "measured",
        "/memory_budget_bytes": "estimated",
        "/memory_total_bytes": "measured",
        "/peak_parallel": "estimated"
      }
    }
    "#);
}

#[test]
fn a_container_of_4_gb_on_a_64_gb_host_plans_with_4_gb() {
    let limit = 4_000_000_000;
    let v2 = Tree::host(HOST_KB)
        .with("proc/self/cgroup", "0::/\n")
        .with("sys/fs/cgroup/memory.max", &format!("{limit}\n"))
        .with("sys/fs/cgroup/memory.current", "1000000000\n")
        .with("sys/fs/cgroup/memory.stat", "inactive_file 400000000\n")
        .with("sys/fs/cgroup/cpu.max", "200000 100000\n");
    let v1 = Tree::host(HOST_KB)
        .with("proc/self/cgroup", "5:memory:/\n4:cpu:/\n")
        .with("sys/fs/cgroup/memory/memory.limit_in_bytes", &format!("{limit}\n"))
        .with("sys/fs/cgroup/memory/memory.usage_in_bytes", "1000000000\n")
        .with("sys/fs/cgroup/memory/memory.stat", "total_inactive_file 400000000\n")
        .with("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n")
        .with("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    for tree in [v2, v1] {
        let hardware = tree.detect().unwrap();
        assert_eq!(hardware.memory_total_bytes, Bytes(limit));
        assert_eq!(hardware.memory_budget_bytes, Bytes(3_400_000_000));
        assert_eq!(hardware.memory_available_bytes, Bytes(3_400_000_000));
        assert_eq!(hardware.cpu_threads(), 2);
        assert_eq!(codes(&hardware), ["memory-limited-by-cgroup"]);
    }
}

/// The development machine: both versions of control groups, without an effective memory limit.
#[test]
fn an_unlimited_version_1_group_leaves_the_whole_machine() {
    let group = "sys/fs/cgroup/memory/process_api/73b2";
    let hardware = Tree::host(24_683_656)
        .with("proc/self/cgroup", "4:memory:/process_api/73b2\n1:cpu:/\n0::/\n")
        .with(
            "proc/self/mountinfo",
            "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
             41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n",
        )
        .with(&format!("{group}/memory.limit_in_bytes"), "9223372036854771712\n")
        .with(&format!("{group}/memory.usage_in_bytes"), "5000000000\n")
        .detect()
        .unwrap();
    assert_eq!(hardware.memory_total_bytes, Bytes(24_683_656 * 1024));
    assert_eq!(hardware.memory_budget_bytes, Bytes(24_683_656 * 1024 * 85 / 100));
    assert_eq!(hardware.memory_available_bytes, Bytes(22_683_656 * 1024));
    assert_eq!(codes(&hardware), [""; 0]);
}

#[test]
fn an_unsupported_gpu_is_reported_and_changes_no_figure() {
    let plain = Tree::host(HOST_KB).detect().unwrap();
    let seen = Tree::host(HOST_KB)
        .with("sys/class/drm/card0/device/vendor", "0x1a03\n")
        .with("sys/class/drm/card1/device/vendor", "0x1002\n")
        .with("sys/class/drm/card1-HDMI-A-1/device/vendor", "0x10de\n")
        .with("sys/class/drm/renderD128/device/vendor", "0x10de\n")
        .detect()
        .unwrap();
    assert_eq!(codes(&seen), ["gpu-not-described"]);
    assert!(seen.warnings[0].message.contains("AMD"), "{}", seen.warnings[0].message);
    assert!(seen.warnings[0].hint.contains("--features rocm"), "{}", seen.warnings[0].hint);
    assert_eq!(Hardware { warnings: Vec::new(), ..seen }, plain);
    let headless =
        Tree::host(HOST_KB).with("proc/driver/nvidia/gpus/000f:01:00.0/information", "x");
    let warnings = headless.detect().unwrap().warnings;
    assert!(warnings[0].hint.contains("--features cuda"), "{}", warnings[0].hint);
}

#[test]
fn a_readable_package_counter_is_the_power_source() {
    let zone = "sys/class/powercap/intel-rapl:0";
    let tree = Tree::host(HOST_KB)
        .with(&format!("{zone}/name"), "package-0\n")
        .with(&format!("{zone}/max_energy_range_uj"), "262143328850\n");
    let unreadable = tree.detect().unwrap();
    assert_eq!((unreadable.power.as_ref(), codes(&unreadable)), (None, vec!["energy-unreadable"]));
    let power = tree.with(&format!("{zone}/energy_uj"), "1\n").detect().unwrap().power.unwrap();
    assert_eq!((power.source.as_str(), power.scope), ("rapl", PowerScope::CpuPackage));
}

#[test]
fn an_arm_machine_has_the_name_of_its_board() {
    let cpuinfo = "processor : 0\nCPU implementer : 0x41\nCPU part : 0xd85\n\
                   Features : fp asimd asimddp bf16 i8mm\n";
    let tree = || Tree::host(HOST_KB).with("proc/cpuinfo", cpuinfo);
    let hardware = tree().detect().unwrap();
    assert_eq!(hardware.name, "ARM CPU, implementer 0x41, part 0xd85");
    assert_eq!(hardware.devices[0].features, ["neon", "asimddp", "i8mm", "bf16"]);
    assert_eq!(hardware.peak_parallel, 8, "one thread");
    let named = tree().with("proc/device-tree/model", "NVIDIA Jetson AGX Orin\0").detect().unwrap();
    assert_eq!(named.name, "NVIDIA Jetson AGX Orin");
    let named = tree().with("sys/class/dmi/id/product_name", "NVIDIA DGX Spark\n");
    assert_eq!(named.detect().unwrap().name, "NVIDIA DGX Spark");
}

#[test]
fn an_incomplete_machine_is_an_error_and_not_a_guess() {
    let empty = Tree(tempfile::tempdir().unwrap());
    let error = empty.detect().unwrap_err().to_string();
    let root = empty.0.path().display().to_string();
    assert_eq!(
        error.replace(&root, "ROOT"),
        "ROOT/proc/meminfo does not exist, so the memory of this machine is unknown: detection \
         reads Linux's /proc and /sys (a --sysroot must contain them)"
    );
    for (path, text) in [
        ("proc/meminfo", "MemTotal: 1 kB\n"),
        ("proc/meminfo", "MemTotal: many kB\nMemAvailable: 1 kB\n"),
        ("proc/cpuinfo", "vendor_id: none\n"),
    ] {
        let error = Tree::host(HOST_KB).with(path, text).detect().unwrap_err().to_string();
        assert!(error.contains(path), "{error}");
    }
}

#[test]
fn this_machine_is_described() {
    let hardware = detect(&Sysroot::default()).unwrap();
    assert!(hardware.memory_budget_bytes < hardware.memory_total_bytes);
    assert!(hardware.memory_available_bytes <= hardware.memory_total_bytes);
    assert!(hardware.cpu_threads() >= 1);
}

#[test]
fn the_budget_is_85_percent_rounded_down() {
    assert_eq!(budget(Bytes::from_gb(128.0)), Bytes::from_gb(108.8));
    assert_eq!(budget(Bytes(101)), Bytes(85));
    assert_eq!(budget(Bytes(u64::MAX)), Bytes(15_679_732_462_653_118_872));
}
