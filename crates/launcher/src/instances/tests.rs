use super::*;

fn instance(port: u16, process: ProcessId) -> Instance {
    Instance {
        schema: Instance::SCHEMA.to_owned(),
        process,
        stack: "starter".to_owned(),
        url: format!("http://127.0.0.1:{port}"),
        port,
        since: 1,
        grace: 30,
        log: None,
        agents: vec![InstanceAgent { name: "coder".into(), slots: 2, leaves_machine: false }],
    }
}

fn ended() -> ProcessId {
    ProcessId { began: Some("another boot/1".to_owned()), ..ProcessId::own() }
}

#[test]
fn a_record_lasts_as_long_as_its_guard() {
    let folder = tempfile::tempdir().unwrap();
    let registry = InstanceRegistry::new(folder.path().join("runs"));
    assert_eq!(registry.running().unwrap().documents, []);
    assert_eq!(registry.on(4276).unwrap(), None);
    let (low, high) = (instance(80, ProcessId::own()), instance(4276, ProcessId::own()));
    let held = [registry.record(&high).unwrap(), registry.record(&low).unwrap()];
    assert_eq!(registry.running().unwrap().documents, [low, high.clone()]);
    assert_eq!(registry.on(4276).unwrap(), Some(high));
    drop(held);
    assert_eq!(registry.running().unwrap().documents, []);
}

#[test]
fn a_record_of_a_process_that_was_killed_does_not_count_and_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let registry = InstanceRegistry::new(folder.path());
    let old = registry.record(&instance(4276, ended())).unwrap();
    assert_eq!(registry.running().unwrap().documents, []);
    let _held = registry.record(&instance(4276, ProcessId::own())).unwrap();
    // Dropping the old guard does not remove the new record.
    drop(old);
    assert!(registry.on(4276).unwrap().is_some());
}

#[test]
fn an_unreadable_record_is_named_and_does_not_hide_others() {
    let folder = tempfile::tempdir().unwrap();
    let registry = InstanceRegistry::new(folder.path());
    let _held = registry.record(&instance(80, ProcessId::own())).unwrap();
    fs::write(folder.path().join("4276.json"), "{").unwrap();
    let found = registry.running().unwrap();
    assert_eq!(found.documents, [instance(80, ProcessId::own())]);
    assert!(found.skipped[0].path.ends_with("4276.json"), "{found:?}");
    let error = registry.on(4276).unwrap_err().to_string();
    assert!(error.contains("4276.json") && error.contains("delete it"), "{error}");
    assert_eq!(found.skipped.len(), 1);
    let held = registry.record(&instance(4276, ProcessId::own())).unwrap();
    assert_eq!(registry.running().unwrap().documents.len(), 2);
    drop(held);
    assert_eq!(registry.running().unwrap().documents.len(), 1);
}

#[test]
fn a_record_that_is_none_of_this_version_is_named_unless_its_process_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let registry = InstanceRegistry::new(folder.path());
    let other = |process: ProcessId| {
        let mut record = serde_json::to_value(instance(4276, process)).unwrap();
        record["schema"] = "harmonic.run/2".into();
        record.to_string()
    };
    let no_process = "{\"schema\": \"harmonic.run/2\"}".to_owned();
    let text = str::to_owned;
    for record in [
        text("null"),
        text("[]"),
        text("\"x\""),
        text("{}"),
        text("{\"schema\": 1}"),
        no_process,
        other(ProcessId::own()),
    ] {
        fs::write(folder.path().join("4276.json"), &record).unwrap();
        let found = registry.running().unwrap();
        assert_eq!(found.skipped.len(), 1, "{record}");
        assert!(found.skipped[0].reason.contains("harmonic.run/1"), "{found:?}");
        let error = registry.on(4276).unwrap_err().to_string();
        assert!(error.contains("4276.json") && error.contains("harmonic.run/1"), "{error}");
    }
    fs::write(folder.path().join("4276.json"), other(ended())).unwrap();
    assert_eq!(registry.running().unwrap().skipped, []);
    assert_eq!(registry.on(4276).unwrap(), None);
}
