use std::fs;
use std::path::Path;

use harmonic_types::{Device, DeviceKind};

use super::*;

const GB: u64 = 1_000_000_000;

/// A small machine below a temporary directory: 64 GB, all available, no findings.
struct Machine {
    root: tempfile::TempDir,
    hardware: Hardware,
    facts: Facts,
}

impl Machine {
    fn new() -> Self {
        let machine = Self {
            root: tempfile::tempdir().unwrap(),
            hardware: hardware(),
            facts: Facts::default(),
        };
        machine.file("proc/meminfo", "MemTotal: 62500000 kB\nMemAvailable: 62500000 kB\n");
        machine
    }

    fn file(&self, path: &str, text: &str) -> &Self {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn process(&self, id: u32, name: &str, arguments: &str, environment: &str) -> &Self {
        self.file(&format!("proc/{id}/comm"), &format!("{name}\n"))
            .file(&format!("proc/{id}/cmdline"), &arguments.replace(' ', "\0"))
            .file(&format!("proc/{id}/environ"), &environment.replace(' ', "\0"))
    }

    fn advice(&self) -> Vec<Advice> {
        advise(&Sysroot::new(self.root.path()), &self.hardware, &self.facts)
    }

    fn codes(&self) -> Vec<(String, Severity)> {
        self.advice().into_iter().map(|advice| (advice.code, advice.severity)).collect()
    }

    /// The one finding there is.
    #[track_caller]
    fn only(&self) -> Advice {
        let mut all = self.advice();
        assert_eq!(all.len(), 1, "{all:#?}");
        all.remove(0)
    }
}

fn hardware() -> Hardware {
    Hardware {
        schema: Hardware::SCHEMA.to_owned(),
        profile: "cpu-generic".to_owned(),
        name: "a machine".to_owned(),
        unified_memory: false,
        memory_total_bytes: Bytes(64 * GB),
        memory_available_bytes: Bytes(64 * GB),
        memory_budget_bytes: Bytes(54 * GB),
        peak_parallel: 16,
        max_parallel: 32,
        devices: vec![device(DeviceKind::Cpu, &["avx2"])],
        power: None,
        environment: BTreeMap::new(),
        warnings: Vec::new(),
        provenance: BTreeMap::new(),
    }
}

fn device(kind: DeviceKind, features: &[&str]) -> Device {
    Device {
        id: "it".to_owned(),
        kind,
        name: "it".to_owned(),
        memory_bytes: None,
        threads: None,
        features: features.iter().map(|feature| (*feature).to_owned()).collect(),
    }
}

/// A machine with the GPU of the Ryzen AI MAX+ 395.
fn strix_halo() -> Machine {
    let mut machine = Machine::new();
    machine.hardware.unified_memory = true;
    machine.hardware.devices.push(device(DeviceKind::IntegratedGpu, &["gfx1151"]));
    machine.facts.back_ends = vec!["rocm".to_owned()];
    machine.file("sys/class/drm/card0/device/vendor", "0x1002\n");
    machine
}

#[test]
fn a_machine_in_order_has_no_findings() {
    assert_eq!(Machine::new().codes(), []);
    assert_eq!(strix_halo().codes(), []);
}

#[test]
fn a_busy_machine_is_a_warning_with_the_figure() {
    let mut machine = Machine::new();
    let load = LoadFigures {
        cpus: 2,
        others_cpus: Some(0.98),
        idle_cpus: Some(1.0),
        ..LoadFigures::default()
    };
    machine.facts.load = Some(load);
    let advice = machine.only();
    assert_eq!((advice.code.as_str(), advice.severity), ("busy", Severity::Warning));
    assert!(advice.message.starts_with("other programs used 0.98 of 2 CPUs"), "{advice:?}");
    machine.facts.load = Some(LoadFigures { others_cpus: Some(0.05), ..load });
    assert_eq!(machine.codes(), []);
}

#[test]
fn used_memory_lists_the_largest_processes() {
    let mut machine = Machine::new();
    machine.hardware.memory_available_bytes = Bytes(20 * GB);
    machine
        .file("proc/7/status", "Name:\tfirefox\nVmRSS:\t 9000000 kB\n")
        .file("proc/8/status", "Name:\tollama\nVmRSS:\t 20000000 kB\n")
        .file("proc/9/status", "Name:\tkthreadd\n")
        .file("proc/10/status", "Name:\tsmall\nVmRSS:\t 9000 kB\n");
    let advice = machine.only();
    assert_eq!((advice.code.as_str(), advice.severity), ("memory-held", Severity::Warning));
    insta::assert_snapshot!(advice.message, @"20.0 GB of memory are available now; largest processes: ollama 20.5 GB, firefox 9.2 GB");
    assert!(advice.why.contains("54.0 GB") && advice.why.contains("34.0 GB"), "{advice:?}");
    assert!(advice.hint.contains("ollama stop"), "{advice:?}");

    machine.file("proc/8/status", "Name:\tgame\nVmRSS:\t 20000000 kB\nPPid:\t1\n");
    assert_eq!(machine.only().hint, "stop unneeded programs: `kill 8` ends game");

    machine.hardware.memory_available_bytes = Bytes(53 * GB);
    assert_eq!(machine.only().severity, Severity::Note);
    machine.hardware.memory_available_bytes = Bytes(400_000_000);
    assert_eq!(machine.only().severity, Severity::Error);
}

#[test]
fn a_team_of_ours_is_stopped_by_its_command_and_so_are_the_programs_that_it_runs() {
    let mut machine = Machine::new();
    machine.hardware.memory_available_bytes = Bytes(20 * GB);
    machine.facts.teams = BTreeMap::from([(5, "harmonic down --port 5000".to_owned())]);
    machine
        .file("proc/5/status", "Name:\tharmonic\nVmRSS:\t 3000000 kB\nPPid:\t1\n")
        .file("proc/6/status", "Name:\tguard\nVmRSS:\t 90 kB\nPPid:\t5\n")
        .file("proc/7/status", "Name:\tollama\nVmRSS:\t 9000 kB\nPPid:\t6\n");
    let hint = "belongs to a team of harmonic: `harmonic down --port 5000` stops that team";
    assert_eq!(machine.only().hint, format!("harmonic {hint}"));
    machine.file("proc/7/status", "Name:\tollama\nVmRSS:\t 9000000 kB\nPPid:\t6\n");
    assert_eq!(machine.only().hint, format!("ollama {hint}"));
}

#[test]
fn memory_of_a_graphics_card_is_not_used_by_system_processes() {
    let mut machine = Machine::new();
    machine.hardware.memory_available_bytes = Bytes(20 * GB);
    machine.hardware.devices.insert(0, device(DeviceKind::DiscreteGpu, &[]));
    machine.file("proc/7/status", "Name:\tfirefox\nVmRSS:\t 9000000 kB\n");
    let advice = machine.only();
    assert_eq!(advice.message, "20.0 GB of the GPU's memory are free now");
    assert!(advice.hint.contains("nvidia-smi"), "{advice:?}");
}

#[test]
fn swap_on_a_disk_is_worse_than_compressed_memory() {
    let machine = Machine::new();
    let swaps = |disk: u32, zram: u32| {
        machine.file(
            "proc/swaps",
            &format!(
                "Filename\tType\tSize\tUsed\tPriority\n/swap file\tfile\t9000000\t{disk}\t-2\n\
                 /dev/zram0\tpartition\t9000000\t{zram}\t100\n"
            ),
        );
    };
    swaps(100_000, 100_000);
    assert_eq!(machine.codes(), []);
    swaps(3_000_000, 0);
    let advice = machine.only();
    assert_eq!((advice.code.as_str(), advice.severity), ("swap-in-use", Severity::Warning));
    assert!(advice.message.starts_with("3.1 GB"), "{advice:?}");
    swaps(0, 3_000_000);
    assert_eq!(machine.only().severity, Severity::Note);
    machine.file("proc/swaps", "Filename\n/dev/sda2 partition many\n");
    assert_eq!(machine.only().code, "not-examined");
}

#[test]
fn the_meaning_of_powersave_depends_on_the_driver() {
    let machine = Machine::new();
    let policy = |driver: &str, governor: &str, preference: &str| {
        for cpu in ["cpu0", "cpu1"] {
            let folder = format!("sys/devices/system/cpu/{cpu}/cpufreq");
            for (file, text) in [
                ("scaling_driver", driver),
                ("scaling_governor", governor),
                ("energy_performance_preference", preference),
                ("cpuinfo_min_freq", "400000"),
                ("cpuinfo_max_freq", "5000000"),
            ] {
                machine.file(&format!("{folder}/{file}"), &format!("{text}\n"));
            }
        }
        machine.file("sys/devices/system/cpu/cpufreq/boost", "1\n");
        machine.advice()
    };
    assert_eq!(policy("acpi-cpufreq", "schedutil", ""), []);
    assert_eq!(policy("intel_pstate", "powersave", "balance_performance"), []);
    let pinned = policy("acpi-cpufreq", "powersave", "");
    assert_eq!((pinned.len(), pinned[0].severity), (1, Severity::Warning));
    assert!(pinned[0].message.starts_with("2 of 2 CPUs are pinned"), "{pinned:?}");
    assert!(pinned[0].why.contains("0.4 of 5.0 GHz") && pinned[0].why.contains("8%"), "{pinned:?}");
    let frugal = policy("amd-pstate-epp", "powersave", "power");
    assert_eq!((frugal.len(), frugal[0].severity), (1, Severity::Note));
    assert!(frugal[0].hint.contains("energy_performance_preference"), "{frugal:?}");
}

#[test]
fn unreadable_counters_come_with_a_udev_rule() {
    let mut machine = Machine::new();
    machine.file("sys/class/powercap/intel-rapl:0/name", "package-0\n");
    // A directory in the counter's place cannot be read, not even by root.
    let counter = machine.root.path().join("sys/class/powercap/intel-rapl:0/energy_uj");
    fs::create_dir(counter).unwrap();
    let advice = machine.only();
    assert_eq!(advice.code, "energy-unreadable");
    assert!(
        advice.hint.contains("/etc/udev/rules.d/") && advice.why.contains("tok/W"),
        "{advice:?}"
    );

    let scope = harmonic_types::PowerScope::SocPackage;
    machine.hardware.power =
        Some(harmonic_types::PowerSource { source: "amdgpu-hwmon".to_owned(), scope });
    assert_eq!(machine.codes(), [], "another meter does");
}

#[test]
fn a_low_gtt_limit_is_counted_in_gigabytes_and_pages() {
    let machine = strix_halo();
    machine.file("sys/class/drm/card0/device/mem_info_gtt_total", "32000000000\n");
    let advice = machine.only();
    assert_eq!((advice.code.as_str(), advice.severity), ("gtt-limit", Severity::Warning));
    assert!(advice.why.starts_with("22.4 GB"), "{advice:?}");
    // 85% of 64 GB in pages of 4 KiB.
    assert!(advice.hint.contains("pages_limit=13281250 "), "{advice:?}");
    machine.file("sys/class/drm/card0/device/mem_info_gtt_total", "52000000000\n");
    assert_eq!(machine.codes(), []);
}

#[test]
fn an_override_is_needed_only_to_reproduce_the_paper() {
    let mut machine = strix_halo();
    machine.facts.paper = true;
    let advice = machine.only();
    assert_eq!((advice.code.as_str(), advice.severity), ("hsa-override-paper", Severity::Note));
    assert!(advice.hint.contains("export HSA_OVERRIDE_GFX_VERSION=11.0.0"), "{advice:?}");

    let set = |value: &str| (hsa_override::VARIABLE.to_owned(), value.to_owned());
    machine.facts.environment = [set("11.0.0")].into();
    assert_eq!(machine.codes(), [], "as in the paper");
    machine.facts.paper = false;
    let advice = machine.only();
    assert_eq!((advice.code.as_str(), advice.severity), ("hsa-override-set", Severity::Warning));
    assert!(advice.message.contains("no longer needed"), "{advice:?}");
    assert!(advice.why.contains("treat gfx1151 as gfx1100"), "{advice:?}");

    machine.facts.environment = [set("11.5.1")].into();
    machine.file("proc/sys/kernel/osrelease", "6.19.3-arch1\n");
    assert_eq!(machine.codes(), [], "Linux 6.19 needs it");
    machine.file("proc/sys/kernel/osrelease", "6.18.0\n");
    assert_eq!(machine.only().code, "hsa-override-set");
}

#[test]
fn an_override_in_the_settings_of_ollama_is_found_too() {
    let machine = strix_halo();
    let settings = "OLLAMA_NUM_PARALLEL=16 HSA_OVERRIDE_GFX_VERSION=11.0.0";
    machine.process(40, "ollama", "/usr/bin/ollama serve", settings);
    assert!(machine.only().message.contains("the settings of Ollama"));
}

#[test]
fn a_gpu_without_a_back_end_is_named_with_the_build_that_has_one() {
    let mut machine = Machine::new();
    machine.file("sys/class/drm/card1/device/vendor", "0x10de\n");
    machine.facts.back_ends = vec!["rocm".to_owned()];
    let advice = machine.only();
    assert_eq!((advice.code.as_str(), advice.severity), ("gpu-unused", Severity::Warning));
    assert!(advice.message.contains("NVIDIA") && advice.hint.contains("--features cuda"));
    assert!(advice.message.contains("plans count the CPU's memory"));
    for enough in ["cuda", "vulkan"] {
        machine.facts.back_ends = vec![enough.to_owned()];
        assert_eq!(machine.codes(), [], "{enough}");
    }
}

#[test]
fn a_gpu_that_is_not_a_pci_device_is_recognised_by_name() {
    for (name, feature) in [("NVIDIA Jetson AGX Orin", "cuda"), ("Apple M4 Max", "metal")] {
        let mut machine = Machine::new();
        let mut gpu = device(DeviceKind::IntegratedGpu, &[]);
        name.clone_into(&mut gpu.name);
        machine.hardware.devices.insert(0, gpu);
        assert!(machine.only().hint.contains(&format!("--features {feature}")), "{name}");
    }
}

#[test]
fn findings_are_ordered_by_severity() {
    let mut machine = Machine::new();
    machine.hardware.memory_available_bytes = Bytes(53 * GB);
    machine.file("sys/class/drm/card1/device/vendor", "0x10de\n");
    machine.facts.store =
        Some(StoreSpace { path: Path::new("/models").to_owned(), free: Bytes(1) });
    let severities: Vec<Severity> = machine.codes().into_iter().map(|(_, worst)| worst).collect();
    assert_eq!(severities, [Severity::Error, Severity::Warning, Severity::Note]);
}

#[test]
fn the_override_is_recommended_only_for_the_paper() {
    let machine = strix_halo();
    let value = |paper, name: &str| {
        let settings = engine_settings(&machine.hardware, paper);
        settings.into_iter().find(|setting| setting.variable == name).map(|setting| setting.value)
    };
    assert_eq!(value(false, "OLLAMA_NUM_PARALLEL"), Some(Some("16".to_owned())));
    assert_eq!(value(true, "OLLAMA_NUM_PARALLEL"), Some(Some("64".to_owned())));
    assert_eq!(value(false, hsa_override::VARIABLE), Some(None));
    assert_eq!(value(true, hsa_override::VARIABLE), Some(Some("11.0.0".to_owned())));
    assert_eq!(value(false, "GOMP_SPINCOUNT"), None, "it has a GPU");
}

mod ollama_settings {
    use super::*;

    const UNIT: &str = "etc/systemd/system/ollama.service";

    fn unit(machine: &Machine, path: &str, lines: &str) {
        machine.file(path, &format!("[Unit]\nDescription=x\n\n[Service]\n{lines}\n"));
    }

    #[test]
    fn the_environment_of_a_running_server_has_precedence() {
        let machine = Machine::new();
        unit(&machine, UNIT, "Environment=OLLAMA_NUM_PARALLEL=16");
        machine.process(30, "ollama", "ollama run qwen3:4b", "OLLAMA_NUM_PARALLEL=9").process(
            40,
            "ollama",
            "/usr/bin/ollama serve",
            "HOME=/root OLLAMA_NUM_PARALLEL=1",
        );
        let advice = machine.only();
        assert_eq!(advice.code, "ollama-num-parallel");
        assert_eq!(advice.severity, Severity::Warning);
        assert!(advice.message.ends_with("OLLAMA_NUM_PARALLEL is 1 in /proc/40/environ"));
        assert!(advice.hint.contains("OLLAMA_NUM_PARALLEL=16"), "{advice:?}");
    }

    #[test]
    fn without_a_readable_process_the_unit_and_its_drop_ins_apply() {
        let machine = Machine::new();
        unit(&machine, "lib/systemd/system/ollama.service", "Environment=OLLAMA_NUM_PARALLEL=8");
        assert_eq!(machine.codes(), []);
        unit(&machine, UNIT, "Environment=\"A=b c\" OLLAMA_NUM_PARALLEL=1");
        assert!(machine.only().message.ends_with("is 1 in /etc/systemd/system/ollama.service"));
        assert_eq!(machine.only().severity, Severity::Note, "it does not run");
        unit(&machine, &format!("{UNIT}.d/20-last.conf"), "Environment=OLLAMA_NUM_PARALLEL=12");
        unit(&machine, &format!("{UNIT}.d/10-first.conf"), "Environment=OLLAMA_NUM_PARALLEL=0");
        assert_eq!(machine.codes(), []);
        unit(&machine, &format!("{UNIT}.d/30-reset.conf"), "Environment=");
        assert!(machine.only().message.contains("OLLAMA_NUM_PARALLEL is unset"));
        unit(&machine, &format!("{UNIT}.d/40-file.conf"), "EnvironmentFile=-/etc/ollama.env");
        assert!(machine.only().message.contains("OLLAMA_NUM_PARALLEL is unset"), "no such file");
        machine.file("etc/ollama.env", "# slots\nOLLAMA_NUM_PARALLEL='4'\n");
        assert_eq!(machine.codes(), []);
    }

    #[test]
    fn unreadable_settings_are_unknown() {
        let machine = Machine::new();
        machine.process(40, "ollama", "ollama serve", "");
        let environment = machine.root.path().join("proc/40/environ");
        fs::remove_file(&environment).unwrap();
        fs::create_dir(&environment).unwrap();
        let advice = machine.only();
        assert_eq!(advice.code, "ollama-settings-unknown");
        assert!(advice.hint.contains("/proc/40/environ"), "{advice:?}");
    }

    #[test]
    fn too_many_slots_waste_memory() {
        let mut machine = Machine::new();
        machine.process(40, "ollama", "ollama serve", "OLLAMA_NUM_PARALLEL=64");
        let advice = machine.only();
        assert_eq!(advice.code, "ollama-num-parallel-high");
        // 64 slots of qwen3:4b at 2048 are 19.3 GB: docs/sources.md#slots-of-ollama.
        assert!(advice.why.contains("19.3 GB"), "{advice:?}");
        machine.facts.paper = true;
        assert_eq!(machine.codes(), [], "the paper's own value");
    }

    #[test]
    fn a_masked_unit_is_no_unit() {
        let machine = Machine::new();
        machine.file(UNIT, "");
        assert_eq!(machine.codes(), []);
    }
}

#[test]
fn the_default_context_of_ollama_is_that_of_this_machine() {
    let mut machine = Machine::new();
    let why = |machine: &Machine| {
        let settings = engine_settings(&machine.hardware, false);
        let found = settings.into_iter().find(|it| it.variable == "OLLAMA_CONTEXT_LENGTH");
        found.unwrap().why
    };
    insta::assert_snapshot!(why(&machine), @"the default without a GPU is 4096 tokens per slot: 604.0 MB of KV cache for qwen3:4b; 8192 tokens, the context of most of our agents, need 1.2 GB");
    for (gib, tokens) in [(8, "4096"), (24, "32768"), (48, "262144")] {
        let mut gpu = device(DeviceKind::DiscreteGpu, &[]);
        gpu.memory_bytes = Some(Bytes(gib << 30));
        machine.hardware.devices = vec![gpu];
        let why = why(&machine);
        assert!(why.contains("of GPU memory is"), "{why}");
        assert!(why.contains(&format!(" {tokens} tokens per slot")), "{gib}: {why}");
    }
    machine.hardware.devices = vec![device(DeviceKind::IntegratedGpu, &[])];
    assert!(why(&machine).contains("up to 262144 tokens"), "{}", why(&machine));
}
