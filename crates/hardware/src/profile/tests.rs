use harmonic_types::DeviceKind;

use super::*;

#[test]
fn the_papers_machines_have_the_papers_budgets() {
    let of = |name| {
        let machine = named(name).unwrap();
        assert_eq!(machine.profile, name);
        assert_eq!(machine.devices[0].kind, DeviceKind::IntegratedGpu);
        assert_eq!(machine.provenance["/peak_parallel"], Provenance::Paper);
        (machine.memory_budget_bytes, machine.peak_parallel, machine.max_parallel)
    };
    assert_eq!(of("dgx-spark"), (Bytes::from_gb(108.8), 16, 32));
    assert_eq!(of("ryzen-ai-max-395"), (Bytes::from_gb(78.2), 12, 16));
}

#[test]
fn every_listed_name_is_a_machine_and_no_other_is() {
    for name in names() {
        let machine = named(name).unwrap();
        assert_eq!(machine.profile, name);
        assert!(machine.peak_parallel <= machine.max_parallel, "{name}");
        assert!(!machine.devices.is_empty(), "{name}");
    }
    assert_eq!(named("cpu-generic"), None, "it does not state the memory");
    assert_eq!(named("generic-65gb"), None);
}

#[test]
fn generic_machines_follow_their_memory() {
    let of = |gb| {
        let profile = generic(Bytes::from_gb(gb));
        (profile.name, profile.peak_parallel, profile.max_parallel)
    };
    assert_eq!(of(2.0), ("generic-8gb", 4, 8));
    assert_eq!(of(63.9), ("generic-48gb", 6, 12));
    assert_eq!(of(64.0), ("generic-64gb", 8, 16));
    assert_eq!(of(96.0), ("generic-96gb", 12, 24));
    assert_eq!(of(2000.0), ("generic-256gb", 16, 32));
}

#[test]
fn the_actual_bandwidth_differs_from_the_papers() {
    let spark = bandwidth("dgx-spark").unwrap();
    assert!(spark.rated < spark.paper && spark.effective[1] < spark.rated);
    let strix = bandwidth("ryzen-ai-max-395").unwrap();
    assert!((strix.rated.0 - strix.paper.0).abs() < 1.0);
    assert_eq!(bandwidth("generic-64gb"), None);
}
