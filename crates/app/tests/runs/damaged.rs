//! Runs whose files are damaged: what their owner and others are told, and their removal.

use std::path::Path;
use std::sync::Arc;

use harmonic_app::runs::{NoTools, RunService, ServiceLimits};
use harmonic_gateway::{RunOwner, Runs, RunsError};
use harmonic_types::RunId;

use crate::support::{Team, ended, new_run, nobody, settings, short};

type Damage = fn(&mut Vec<u8>);

/// Ways to damage the journal of a run; whether its header stays whole.
const DAMAGE: [(&str, bool, Damage); 5] = [
    ("a line of no form", true, |bytes| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        lines[2] = "{\"x\": 1}";
        *bytes = format!("{}\n", lines.join("\n")).into_bytes();
    }),
    ("a cut end", true, |bytes| {
        let header = bytes.iter().position(|byte| *byte == b'\n').unwrap();
        bytes.truncate(header + 1);
    }),
    ("an empty file", false, Vec::clear),
    ("a cut header", false, |bytes| bytes.truncate(20)),
    ("another schema", false, |bytes| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        *bytes = text.replacen("harmonic.journal/1", "harmonic.journal/99", 1).into_bytes();
    }),
];

async fn damaged(service: &RunService, home: &Path, owner: &RunOwner, how: usize) -> RunId {
    let run = service.create_run(owner.clone(), new_run(short())).await.unwrap();
    ended(service, owner, &run.id).await;
    let path = settings(home).journals.join(&run.id.0).join("journal.jsonl");
    let mut bytes = std::fs::read(&path).unwrap();
    DAMAGE[how].2(&mut bytes);
    std::fs::write(&path, bytes).unwrap();
    run.id
}

/// Errors of all that is asked of a run.
async fn errors(service: &RunService, owner: &RunOwner, id: &RunId) -> Vec<RunsError> {
    let (owner, id) = (|| owner.clone(), || id.clone());
    let asked = [
        service.show(owner(), id()).await.err(),
        service.events(owner(), id(), None).await.err(),
        service.approvals(owner(), id()).await.err(),
        service.stop(owner(), id()).await.err(),
        service.resume(owner(), id()).await.err(),
        service.replay(owner(), id()).await.err(),
        service.artifact(owner(), id(), 0).await.err(),
        service.tools(owner(), id()).await.err(),
    ];
    asked.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_run_of_another_key_does_not_exist_and_its_owner_removes_it() {
    let home = tempfile::tempdir().unwrap();
    let team = Team::open(home.path(), Arc::new(NoTools), ServiceLimits::default()).await;
    let service = &team.service;
    let (ada, eve) = (RunOwner(Some("ada".into())), RunOwner(Some("eve".into())));
    for (how, (name, has_owner, _)) in DAMAGE.into_iter().enumerate() {
        let id = damaged(service, home.path(), &ada, how).await;
        let unknown = RunsError::unknown_run(id.0.as_str());
        for other in [&eve, &nobody()] {
            // Without a key, and of no known owner, it is the user's own.
            if !has_owner && *other == nobody() {
                continue;
            }
            let told = errors(service, other, &id).await;
            assert_eq!(told, vec![unknown.clone(); 8], "{name}");
            let removed = service.remove(other.clone(), id.clone()).await;
            assert_eq!(removed, Err(unknown.clone()), "{name}");
        }
        for error in errors(service, &ada, &id).await {
            let path = home.path().to_string_lossy();
            assert!(!error.to_string().contains(&*path), "{name}: {error}");
        }
        let remover = if has_owner { &ada } else { &nobody() };
        service.remove(remover.clone(), id.clone()).await.unwrap();
        assert_eq!(service.show(ada.clone(), id).await, Err(unknown), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_without_a_key_is_told_what_is_damaged_and_removes_it() {
    let home = tempfile::tempdir().unwrap();
    let team = Team::open(home.path(), Arc::new(NoTools), ServiceLimits::default()).await;
    let service = &team.service;
    for (how, (name, ..)) in DAMAGE.into_iter().enumerate() {
        let id = damaged(service, home.path(), &nobody(), how).await;
        for error in errors(service, &nobody(), &id).await {
            let path = home.path().to_string_lossy();
            assert!(!error.to_string().contains(&*path), "{name}: {error}");
        }
        service.remove(nobody(), id.clone()).await.unwrap();
        let gone = service.show(nobody(), id.clone()).await.unwrap_err();
        assert_eq!(gone, RunsError::unknown_run(id.0.as_str()), "{name}");
    }
}
