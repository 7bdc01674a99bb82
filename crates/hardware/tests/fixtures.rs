//! Recorded machines below `tests/fixtures`, with their exact descriptions. Each is a tree with
//! `/proc`, `/sys` and NVML's responses. `this-machine` was copied from a development machine; the
//! others were assembled from published figures (`docs/sources.md#recorded-machines`).
#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::fs;
use std::path::{Path, PathBuf};

use harmonic_hardware::{
    EngineDevice, Sysroot, detect, detect_for, energy_meter, energy_meter_for,
};
use harmonic_types::{Bytes, DeviceKind, EnergyMethod, Hardware, PowerScope};

/// Expected description of a fixture.
struct Expected {
    fixture: &'static str,
    profile: &'static str,
    unified: bool,
    total: u64,
    budget: u64,
    /// Interface, scope, and whether the hardware counts energy.
    power: Option<(&'static str, PowerScope, bool)>,
    devices: &'static [(DeviceKind, &'static str)],
    codes: &'static [&'static str],
}

const CPU: DeviceKind = DeviceKind::Cpu;
const CARD: DeviceKind = DeviceKind::DiscreteGpu;
const SHARED: DeviceKind = DeviceKind::IntegratedGpu;

const SPARK: Expected = Expected {
    fixture: "dgx-spark-not-supported",
    profile: "dgx-spark",
    unified: true,
    total: 127_600_748 * 1024,
    budget: 111_063_691_059,
    power: Some(("nvml", PowerScope::GpuRail, false)),
    devices: &[(SHARED, "NVIDIA GB10"), (CPU, "NVIDIA_DGX_Spark")],
    codes: &[],
};

const STRIX: Expected = Expected {
    fixture: "strix-halo-96gb",
    profile: "ryzen-ai-max-395",
    unified: true,
    total: (96 << 30) + 16_641_761_280,
    budget: 101_762_829_926,
    power: Some(("amdgpu-hwmon", PowerScope::SocPackage, false)),
    devices: &[(SHARED, "AMD Radeon 8060S"), (CPU, "AMD RYZEN AI MAX+ 395 w/ Radeon 8060S")],
    codes: &[],
};

const RTX: Expected = Expected {
    fixture: "rtx-4090-threadripper",
    profile: "generic-24gb",
    unified: false,
    total: 25_757_220_864,
    budget: 21_893_637_734,
    power: Some(("nvml", PowerScope::GpuBoard, true)),
    devices: &[(CARD, "NVIDIA GeForce RTX 4090"), (CPU, "AMD Ryzen Threadripper 7960X 24-Cores")],
    codes: &[],
};

const JETSON: Expected = Expected {
    fixture: "jetson-agx-orin",
    profile: "generic-64gb",
    unified: true,
    total: 64_349_216 * 1024,
    budget: 56_009_557_606,
    power: Some(("ina3221", PowerScope::SocPackage, false)),
    devices: &[
        (SHARED, "NVIDIA Jetson AGX Orin Developer Kit"),
        (CPU, "NVIDIA Jetson AGX Orin Developer Kit"),
    ],
    codes: &[],
};

const MACHINES: [Expected; 17] = [
    SPARK,
    Expected {
        fixture: "dgx-spark-system-memory",
        power: Some(("nvml", PowerScope::GpuRail, true)),
        ..SPARK
    },
    Expected {
        fixture: "dgx-spark-zero-memory",
        power: Some(("spark-hwmon", PowerScope::System, false)),
        ..SPARK
    },
    STRIX,
    Expected {
        fixture: "strix-halo-gtt",
        total: (512 << 20) + 128_849_018_880,
        budget: 109_978_006_323,
        ..STRIX
    },
    // GTT is 116 GB and the system has 33.3 GB: together more than the machine's memory.
    Expected {
        fixture: "strix-halo-old-kernel",
        total: (96 << 30) + 32_503_440 * 1024,
        budget: 115_908_327_014,
        ..STRIX
    },
    RTX,
    Expected {
        fixture: "two-gpus",
        profile: "generic-48gb",
        total: 2 * 25_757_220_864,
        budget: 43_787_275_468,
        devices: &[
            (CARD, "NVIDIA GeForce RTX 4090"),
            (CARD, "NVIDIA GeForce RTX 4090"),
            (CPU, "AMD Ryzen Threadripper 7960X 24-Cores"),
        ],
        ..RTX
    },
    // The paper's launcher detected this one as a Strix Halo.
    Expected {
        fixture: "nvidia-driver-mismatch",
        profile: "cpu-generic",
        total: 263_713_752 * 1024,
        budget: 229_536_449_740,
        power: None,
        devices: &[(CPU, "AMD Ryzen Threadripper 7960X 24-Cores"), (SHARED, "AMD gfx1036")],
        codes: &["nvml-failed"],
        ..RTX
    },
    Expected {
        fixture: "radeon-7900-xtx",
        profile: "generic-24gb",
        unified: false,
        total: 25_753_026_560,
        budget: 21_890_072_576,
        power: Some(("amdgpu-hwmon", PowerScope::GpuBoard, false)),
        devices: &[
            (CARD, "AMD gfx1100"),
            (SHARED, "AMD gfx1036"),
            (CPU, "AMD Ryzen 9 7950X 16-Core Processor"),
        ],
        codes: &[],
    },
    JETSON,
    // JetPack 5: the model lacks the word "Jetson". One rail supplies the module.
    Expected {
        fixture: "jetson-orin-nano-jp5",
        profile: "generic-8gb",
        total: 7_622_692 * 1024,
        budget: 6_634_791_116,
        power: Some(("ina3221", PowerScope::System, false)),
        devices: &[
            (SHARED, "NVIDIA Orin Nano Developer Kit"),
            (CPU, "NVIDIA Orin Nano Developer Kit"),
        ],
        ..JETSON
    },
    // A board of another maker.
    Expected {
        fixture: "jetson-recomputer",
        devices: &[
            (SHARED, "NVIDIA GPU of Seeed reComputer J4012"),
            (CPU, "Seeed reComputer J4012"),
        ],
        ..JETSON
    },
    // In a container: no device tree, and the NVML name contains the driver.
    Expected {
        fixture: "jetson-in-container",
        devices: &[(SHARED, "Orin (nvgpu)"), (CPU, "ARM CPU, implementer 0x41, part 0xd42")],
        ..JETSON
    },
    Expected {
        fixture: "mac-m4-max",
        profile: "generic-128gb",
        unified: true,
        total: 128 << 30,
        budget: 116_823_110_451,
        power: None,
        devices: &[(SHARED, "Apple M4 Max"), (CPU, "Apple M4 Max")],
        codes: &["metal-limit-unknown"],
    },
    Expected {
        fixture: "container-4gb",
        profile: "cpu-generic",
        unified: false,
        total: 4_000_000_000,
        budget: 3_400_000_000,
        power: None,
        devices: &[(CPU, "AMD EPYC 9354 32-Core Processor")],
        codes: &["memory-limited-by-cgroup"],
    },
    Expected {
        fixture: "this-machine",
        profile: "cpu-generic",
        unified: false,
        total: 24_683_656 * 1024,
        budget: 21_484_654_182,
        power: None,
        devices: &[(CPU, "AMD EPYC")],
        codes: &[],
    },
];

fn path(fixture: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(fixture)
}

fn root(fixture: &str) -> Sysroot {
    Sysroot::new(path(fixture))
}

/// A fixture with some files replaced, or removed (`None`).
fn altered(fixture: &str, changes: &[(&str, Option<&str>)]) -> (tempfile::TempDir, Sysroot) {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let to = to.join(entry.file_name());
            if entry.path().is_dir() {
                copy(&entry.path(), &to);
            } else {
                fs::copy(entry.path(), to).unwrap();
            }
        }
    }
    let directory = tempfile::tempdir().unwrap();
    copy(&path(fixture), directory.path());
    for (file, text) in changes {
        let file = directory.path().join(file);
        match text {
            Some(text) => fs::write(file, text).unwrap(),
            None if file.is_dir() => fs::remove_dir_all(file).unwrap(),
            None => fs::remove_file(file).unwrap(),
        }
    }
    let root = Sysroot::new(directory.path());
    (directory, root)
}

fn codes(hardware: &Hardware) -> Vec<&str> {
    hardware.warnings.iter().map(|warning| warning.code.as_str()).collect()
}

fn power(hardware: &Hardware) -> Option<(&str, PowerScope)> {
    hardware.power.as_ref().map(|power| (power.source.as_str(), power.scope))
}

#[test]
fn every_recorded_machine_has_its_description() {
    for expected in MACHINES {
        let name = expected.fixture;
        let root = root(name);
        let found = detect(&root).unwrap();
        assert_eq!(found.profile, expected.profile, "{name}");
        assert_eq!(found.unified_memory, expected.unified, "{name}");
        assert_eq!(found.memory_total_bytes, Bytes(expected.total), "{name}");
        assert_eq!(found.memory_budget_bytes, Bytes(expected.budget), "{name}");
        assert!(found.memory_available_bytes <= found.memory_total_bytes, "{name}");
        assert!(found.memory_available_bytes > Bytes::ZERO, "{name}");
        assert!(found.cpu_threads() > 1, "{name}");
        let devices: Vec<_> =
            found.devices.iter().map(|device| (device.kind, device.name.as_str())).collect();
        assert_eq!(devices, expected.devices, "{name}");
        assert_eq!(codes(&found), expected.codes, "{name}");
        let scope = expected.power.map(|(source, scope, _)| (source, scope));
        assert_eq!(power(&found), scope, "{name}");
        let meter = energy_meter(&root).unwrap();
        let counts = meter.map(|meter| (meter.scope(), meter.method() == EnergyMethod::Counter));
        assert_eq!(counts, expected.power.map(|(_, scope, counts)| (scope, counts)), "{name}");
    }
}

#[test]
fn available_memory_is_that_of_the_device() {
    for (fixture, available) in [
        ("dgx-spark-not-supported", 119_843_212 * 1024),
        ("strix-halo-96gb", (96_u64 << 30) - 612_368_384 + 16_641_761_280 - 25_165_824),
        ("strix-halo-old-kernel", (96 << 30) - 612_368_384 + 28_901_232 * 1024),
        ("two-gpus", 2 * 25_286_672_384),
        ("radeon-7900-xtx", 25_753_026_560 - 1_178_423_296),
        ("mac-m4-max", (4_651_264 + 1_310_720) * 16_384),
        ("container-4gb", 3_400_000_000),
    ] {
        let found = detect(&root(fixture)).unwrap().memory_available_bytes;
        assert_eq!(found, Bytes(available), "{fixture}");
    }
}

/// A build without a back end for the GPU uses the CPU's memory and meter.
#[test]
fn engines_on_the_cpu_get_the_cpus_figures() {
    for (fixture, total, meter) in [
        ("rtx-4090-threadripper", 263_713_752, Some(("rapl", PowerScope::CpuPackage))),
        ("nvidia-driver-mismatch", 263_713_752, Some(("rapl", PowerScope::CpuPackage))),
        ("strix-halo-96gb", 32_503_440, Some(("amdgpu-hwmon", PowerScope::SocPackage))),
        ("dgx-spark-zero-memory", 127_600_748, Some(("spark-hwmon", PowerScope::System))),
        ("dgx-spark-not-supported", 127_600_748, None),
        ("this-machine", 24_683_656, None),
    ] {
        let root = root(fixture);
        let found = detect_for(&root, EngineDevice::Cpu).unwrap();
        assert_eq!(found.profile, "cpu-generic", "{fixture}");
        assert_eq!(found.memory_total_bytes, Bytes(total * 1024), "{fixture}");
        assert_eq!(found.devices[0].kind, CPU, "{fixture}");
        assert_eq!(power(&found), meter, "{fixture}");
        let scope = energy_meter_for(&root, EngineDevice::Cpu).unwrap().map(|meter| meter.scope());
        assert_eq!(scope, meter.map(|(_, scope)| scope), "{fixture}");
    }
}

#[test]
fn a_failure_of_nvidias_interface_never_results_in_another_vendors_machine() {
    let answer = |memory: &str| {
        format!(
            r#"{{"devices": [{{"name": "NVIDIA GB10", "memory": {memory},
                "power_mw": 11170, "energy_mj": 1}}]}}"#
        )
    };
    for memory in [r#"{"error": "GPU_IS_LOST"}"#, r#"{"total": 8522825728, "free": 1}"#] {
        for fixture in ["dgx-spark-not-supported", "strix-halo-96gb"] {
            let (_kept, root) = altered(fixture, &[("nvml.json", Some(&answer(memory)))]);
            let found = detect(&root).unwrap();
            assert_eq!(found.profile, "cpu-generic", "{fixture} {memory}");
            assert_eq!(codes(&found), ["nvidia-memory-unknown"], "{fixture} {memory}");
            assert_eq!(found.power, None, "{fixture} {memory}");
            let gpu = found.devices.iter().find(|device| device.name == "NVIDIA GB10").unwrap();
            assert_eq!(gpu.memory_bytes, None, "{fixture} {memory}");
        }
    }
}

#[test]
fn a_gpu_of_an_unknown_name_shares_memory_if_the_driver_states_it() {
    for (driver, profile, warned) in [
        (r#""integrated": true,"#, "generic-128gb", &[][..]),
        (r#""integrated": false,"#, "cpu-generic", &["nvidia-memory-unknown"]),
        ("", "cpu-generic", &["nvidia-memory-unknown"]),
    ] {
        let answer = format!(
            r#"{{"devices": [{{"name": "NVIDIA of tomorrow", "memory": {{"error": "NOT_SUPPORTED"}},
                {driver} "power_mw": 11170, "energy_mj": 1}}]}}"#
        );
        let (_kept, root) = altered("dgx-spark-not-supported", &[("nvml.json", Some(&answer))]);
        let found = detect(&root).unwrap();
        assert_eq!((found.profile.as_str(), codes(&found)), (profile, warned.to_vec()), "{driver}");
        assert_eq!(found.unified_memory, warned.is_empty(), "{driver}");
        assert_eq!(found.memory_total_bytes, Bytes(SPARK.total), "{driver}");
        let scope = warned.is_empty().then_some(("nvml", PowerScope::GpuRail));
        assert_eq!(power(&found), scope, "{driver}");
    }
}

#[test]
fn a_limit_applies_to_shared_memory_and_not_to_a_cards() {
    for (fixture, total) in [
        ("dgx-spark-not-supported", 8_000_000_000),
        ("strix-halo-gtt", (512 << 20) + 8_000_000_000),
        ("rtx-4090-threadripper", 25_757_220_864),
    ] {
        let (kept, root) = altered(fixture, &[]);
        let group = kept.path().join("sys/fs/cgroup/user.slice");
        fs::create_dir_all(&group).unwrap();
        fs::write(group.join("memory.max"), "8000000000\n").unwrap();
        let found = detect(&root).unwrap();
        assert_eq!(found.memory_total_bytes, Bytes(total), "{fixture}");
        assert_eq!(codes(&found), ["memory-limited-by-cgroup"], "{fixture}");
    }
}

#[test]
fn a_mac_has_the_limit_set_by_its_owner() {
    let facts = fs::read_to_string(path("mac-m4-max").join("sysctl.txt")).unwrap();
    let facts = facts.replace("iogpu.wired_limit_mb: 0", "iogpu.wired_limit_mb: 100000");
    let (_kept, root) = altered("mac-m4-max", &[("sysctl.txt", Some(&facts))]);
    let found = detect(&root).unwrap();
    assert_eq!(found.memory_total_bytes, Bytes(100_000 << 20));
    assert_eq!(codes(&found), [""; 0]);
    assert_eq!(found.devices[1].features, ["neon", "asimddp", "asimdhp", "i8mm", "bf16", "sme"]);
    let (_kept, root) = altered("mac-m4-max", &[("sysctl.txt", Some("hw.ncpu: 16\n"))]);
    let error = detect(&root).unwrap_err().to_string();
    assert!(error.contains("sysctl.txt does not state hw.memsize"), "{error}");
}

#[test]
fn a_gpu_without_a_description_leaves_the_cpu_usable() {
    let kfd = ("sys/class/kfd", None);
    let memory = ("sys/class/drm/renderD128/device/mem_info_gtt_total", None);
    for (change, code) in [(kfd, "gpu-not-described"), (memory, "amd-memory-unknown")] {
        let (_kept, root) = altered("strix-halo-96gb", &[change]);
        let found = detect(&root).unwrap();
        assert_eq!(codes(&found), [code]);
        assert_eq!(found.memory_total_bytes, Bytes(32_503_440 * 1024), "{code}");
        assert_eq!((found.profile.as_str(), found.unified_memory), ("cpu-generic", false));
    }
}

#[test]
fn a_machine_without_its_meter_has_none() {
    let hwmon = "sys/class/drm/renderD128/device/hwmon";
    let (_kept, strix) = altered("strix-halo-96gb", &[(hwmon, None)]);
    let label = ("sys/class/hwmon/hwmon3/in2_label", Some("NC\n"));
    let (_kept_too, jetson) = altered("jetson-agx-orin", &[label]);
    for root in [strix, jetson] {
        assert!(energy_meter(&root).unwrap().is_none());
        assert_eq!(detect(&root).unwrap().power, None);
    }
    let whole = ("sys/class/hwmon/hwmon3/in1_label", Some("VDD_IN\n"));
    let (_kept, root) = altered("jetson-agx-orin", &[whole]);
    assert_eq!(energy_meter(&root).unwrap().unwrap().scope(), PowerScope::System);
}

#[test]
fn an_implausible_meter_is_a_warning_and_no_power() {
    let file = "sys/class/drm/renderD128/device/hwmon/hwmon5/power1_average";
    let (_kept, root) = altered("strix-halo-96gb", &[(file, Some("65000000000000\n"))]);
    let found = detect(&root).unwrap();
    assert_eq!((power(&found), codes(&found)), (None, vec!["energy-unreadable"]));
}

#[test]
fn an_empty_root_is_an_error() {
    let empty = tempfile::tempdir().unwrap();
    let error = detect(&Sysroot::new(empty.path())).unwrap_err().to_string();
    assert!(error.contains("proc/meminfo does not exist"), "{error}");
    let (_kept, root) = altered("this-machine", &[("nvml.json", Some("{}"))]);
    let error = detect(&root).unwrap_err().to_string();
    assert!(error.contains("nvml.json"), "{error}");
}
