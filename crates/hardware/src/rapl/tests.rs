use std::fs;
use std::path::Path;

use super::*;

/// A powercap tree of two packages, a part of one, and the same package through another driver.
fn tree() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (zone, name, energy) in [
        ("intel-rapl:0", "package-0", 1_000_000),
        ("intel-rapl:0:0", "core", 500_000),
        ("intel-rapl:1", "package-1", 9_000_000),
        ("intel-rapl:2", "psys", 70_000_000),
        ("intel-rapl-mmio:0", "package-0", 1_000_000),
    ] {
        let zone = root.path().join("sys/class/powercap").join(zone);
        fs::create_dir_all(&zone).unwrap();
        fs::write(zone.join("name"), format!("{name}\n")).unwrap();
        fs::write(zone.join("max_energy_range_uj"), "10000000\n").unwrap();
        fs::write(zone.join("energy_uj"), format!("{energy}\n")).unwrap();
    }
    root
}

fn set(root: &Path, zone: &str, microjoules: u64) {
    let counter = root.join("sys/class/powercap").join(zone).join("energy_uj");
    fs::write(counter, format!("{microjoules}\n")).unwrap();
}

fn assert_joules(meter: &RaplMeter, expected: f64) {
    let Joules(total) = meter.total().unwrap();
    assert!((total - expected).abs() < 1e-9, "{total} J, expected {expected} J");
}

#[test]
fn packages_are_summed_and_a_wrap_is_detected() {
    let root = tree();
    let meter = RaplMeter::open(&Sysroot::new(root.path())).unwrap().unwrap();
    assert_eq!(meter.scope(), PowerScope::CpuPackage);
    assert_eq!(meter.method(), EnergyMethod::Counter);
    assert_joules(&meter, 0.0);
    set(root.path(), "intel-rapl:0", 1_500_000);
    set(root.path(), "intel-rapl:0:0", 9_999_999);
    set(root.path(), "intel-rapl:2", 99_000_000);
    assert_joules(&meter, 0.5);
    set(root.path(), "intel-rapl:1", 250_000); // 9 J … 10 J, then 0 … 0.25 J
    assert_joules(&meter, 1.75);
    assert_joules(&meter, 1.75);
}

#[test]
fn a_machine_without_the_counter_has_no_meter() {
    let root = tempfile::tempdir().unwrap();
    assert!(RaplMeter::open(&Sysroot::new(root.path())).unwrap().is_none());
}

#[test]
fn an_absent_or_malformed_counter_is_an_error_that_names_it() {
    let root = tree();
    let meter = RaplMeter::open(&Sysroot::new(root.path())).unwrap().unwrap();
    let counter = root.path().join("sys/class/powercap/intel-rapl:1/energy_uj");
    fs::write(&counter, "none\n").unwrap();
    let error = meter.total().unwrap_err();
    assert_eq!(error.meter, counter.display().to_string());
    assert_eq!(error.reason, "\"none\" is not a number of microjoules");
    fs::remove_file(&counter).unwrap();
    assert!(meter.total().is_err());
}

/// Root may read any file, so the error is constructed by its kind.
#[test]
fn a_permission_error_states_the_remedy() {
    let path = Path::new("/sys/class/powercap/intel-rapl:0/energy_uj");
    let error = refused(path, &std::io::Error::from(ErrorKind::PermissionDenied));
    assert!(error.reason.contains("sudo chmod a+r"), "{error}");
    let error = refused(path, &std::io::Error::from(ErrorKind::TimedOut));
    assert!(!error.reason.contains("sudo"), "{error}");
}
