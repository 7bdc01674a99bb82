use super::*;

fn run(port: u16, process: ProcessId) -> Run {
    Run {
        schema: Run::SCHEMA.to_owned(),
        process,
        stack: "starter".to_owned(),
        url: format!("http://127.0.0.1:{port}"),
        port,
        since: 1,
        grace: 30,
        log: None,
        agents: vec![RunAgent { name: "coder".into(), slots: 2 }],
    }
}

fn ended() -> ProcessId {
    ProcessId { began: Some("another boot/1".to_owned()), ..ProcessId::own() }
}

#[test]
fn a_record_stands_as_long_as_it_is_held() {
    let folder = tempfile::tempdir().unwrap();
    let runs = Runs::new(folder.path().join("runs"));
    assert_eq!(runs.running().unwrap().documents, []);
    assert_eq!(runs.on(4276).unwrap(), None);
    let (low, high) = (run(80, ProcessId::own()), run(4276, ProcessId::own()));
    let held = [runs.record(&high).unwrap(), runs.record(&low).unwrap()];
    assert_eq!(runs.running().unwrap().documents, [low, high.clone()]);
    assert_eq!(runs.on(4276).unwrap(), Some(high));
    drop(held);
    assert_eq!(runs.running().unwrap().documents, []);
}

#[test]
fn a_record_of_a_process_that_was_killed_does_not_count_and_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let runs = Runs::new(folder.path());
    let old = runs.record(&run(4276, ended())).unwrap();
    assert_eq!(runs.running().unwrap().documents, []);
    let _held = runs.record(&run(4276, ProcessId::own())).unwrap();
    // Whoever held the old record does not take the new one along.
    drop(old);
    assert!(runs.on(4276).unwrap().is_some());
}

#[test]
fn a_record_that_cannot_be_read_is_named_and_hides_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let runs = Runs::new(folder.path());
    let _held = runs.record(&run(80, ProcessId::own())).unwrap();
    fs::write(folder.path().join("4276.json"), "{").unwrap();
    let found = runs.running().unwrap();
    assert_eq!(found.documents, [run(80, ProcessId::own())]);
    assert!(found.skipped[0].path.ends_with("4276.json"), "{found:?}");
    let error = runs.on(4276).unwrap_err().to_string();
    assert!(error.contains("4276.json") && error.contains("delete it"), "{error}");
    fs::write(folder.path().join("4276.json"), "{\"schema\": \"harmonic.run/9\"}").unwrap();
    assert_eq!(runs.running().unwrap().skipped, []);
    let held = runs.record(&run(4276, ProcessId::own())).unwrap();
    assert_eq!(runs.running().unwrap().documents.len(), 2);
    drop(held);
    assert_eq!(runs.running().unwrap().documents.len(), 1);
}
