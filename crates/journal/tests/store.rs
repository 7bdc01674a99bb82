//! The folder of runs: what is in it, what is refused, what is removed.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy sees only its root function"
)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use harmonic_journal::{
    ArtifactId, Durability, Header, Journal, JournalError, Limits, RunIds, RunSummary, Store,
};
use harmonic_types::RunId;
use serde_json::json;
use tempfile::TempDir;

const LIMITS: Limits = Limits { line: 100, journal: 1000, artifact: 64, artifacts: 100 };

struct Runs {
    folder: TempDir,
    store: Store,
    ids: RunIds,
}

impl Runs {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("state/runs"), LIMITS).unwrap();
        Self { folder, store, ids: RunIds::default() }
    }

    fn root(&self) -> std::path::PathBuf {
        self.folder.path().join("state/runs")
    }

    fn create(&mut self) -> Journal<String> {
        let id = self.ids.next(1_700_000_000_000, [7; 10]);
        self.store.create(&Header::new(id, "somebody", 1_700_000_000_000)).unwrap()
    }

    fn file(&self, id: &RunId, name: &str) -> std::path::PathBuf {
        self.root().join(&id.0).join(name)
    }
}

fn summary(finished: bool) -> RunSummary {
    RunSummary { finished, detail: json!({ "goal": "add" }) }
}

#[test]
fn a_run_goes_on_where_it_ended() {
    let mut runs = Runs::new();
    let mut journal = runs.create();
    let id = journal.header().run.clone();
    assert_eq!(journal.append(0, &"one".to_owned(), Durability::Synced).unwrap(), 1);
    assert_eq!(journal.append(5, &"two".to_owned(), Durability::Buffered).unwrap(), 2);
    drop(journal);
    let (mut journal, recovered) = runs.store.resume::<String>(&id).unwrap();
    assert_eq!(journal.header(), &recovered.header);
    assert_eq!(recovered.header.owner, "somebody");
    assert_eq!((recovered.cut.as_ref(), recovered.warning()), (None, None));
    assert_eq!(journal.append(9, &"three".to_owned(), Durability::Synced).unwrap(), 3);
    let recovered = runs.store.read::<String>(&id).unwrap();
    let entries: Vec<(u64, u64, &str)> =
        recovered.entries.iter().map(|e| (e.number, e.at_ms, e.entry.as_str())).collect();
    assert_eq!(entries, [(1, 0, "one"), (2, 5, "two"), (3, 9, "three")]);
}

#[test]
fn a_torn_tail_is_cut_before_the_next_entry() {
    let mut runs = Runs::new();
    let mut journal = runs.create();
    let id = journal.header().run.clone();
    journal.append(0, &"one".to_owned(), Durability::Synced).unwrap();
    drop(journal);
    let file = runs.file(&id, "journal.jsonl");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, [whole.as_slice(), b"{\"n\":2,\"ms\":1,\"le"].concat()).unwrap();
    // A reader sees the fragment and leaves it.
    assert!(runs.store.read::<String>(&id).unwrap().cut.is_some());
    let (mut journal, recovered) = runs.store.resume::<String>(&id).unwrap();
    let warning = recovered.warning().unwrap();
    assert!(warning.contains("17 bytes from line 3 on are cut (it has no end)"), "{warning}");
    assert_eq!(fs::read(&file).unwrap(), whole);
    journal.append(3, &"two".to_owned(), Durability::Synced).unwrap();
    drop(journal);
    assert_eq!(runs.store.read::<String>(&id).unwrap().entries.len(), 2);
}

#[test]
fn a_synced_entry_that_is_damaged_is_an_error_also_at_the_end() {
    let mut runs = Runs::new();
    let mut journal = runs.create();
    let id = journal.header().run.clone();
    journal.append(0, &"one".to_owned(), Durability::Synced).unwrap();
    drop(journal);
    let file = runs.file(&id, "journal.jsonl");
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() = b'!';
    fs::write(&file, &bytes).unwrap();
    let error = runs.store.resume::<String>(&id).unwrap_err();
    assert!(matches!(error, JournalError::Damaged { line: 2, .. }), "{error}");
    assert_eq!(fs::read(&file).unwrap(), bytes);
}

#[test]
fn modes_are_private_also_in_a_folder_that_was_copied() {
    let mut runs = Runs::new();
    let mut journal = runs.create();
    let id = journal.header().run.clone();
    journal.append(0, &"one".to_owned(), Durability::Synced).unwrap();
    let artifact = journal.put_artifact(b"text").unwrap();
    journal.set_summary(summary(false)).unwrap();
    drop(journal);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    for name in ["journal.jsonl", "lock", "synced", "summary.json"] {
        assert_eq!(mode(&runs.file(&id, name)), 0o600, "{name}");
    }
    assert_eq!(mode(&runs.file(&id, "artifacts").join(artifact.as_str())), 0o600);
    for folder in [runs.root(), runs.file(&id, "."), runs.file(&id, "artifacts")] {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
    }
    for name in ["journal.jsonl", "lock", "synced"] {
        fs::set_permissions(runs.file(&id, name), fs::Permissions::from_mode(0o644)).unwrap();
    }
    drop(runs.store.resume::<String>(&id).unwrap());
    for name in ["journal.jsonl", "lock", "synced"] {
        assert_eq!(mode(&runs.file(&id, name)), 0o600, "{name}");
    }
}

#[test]
fn links_below_the_root_are_refused_and_never_written_through() {
    for name in ["journal.jsonl", "lock", "synced", "artifacts"] {
        let mut runs = Runs::new();
        let id = runs.create().header().run.clone();
        let (file, target) = (runs.file(&id, name), runs.folder.path().join("target"));
        fs::rename(&file, &target).unwrap();
        symlink(&target, &file).unwrap();
        let error = runs.store.resume::<String>(&id).unwrap_err().to_string();
        assert!(error.contains("is a symbolic link"), "{name}: {error}");
    }
    let mut runs = Runs::new();
    let id = runs.create().header().run.clone();
    fs::rename(runs.root().join(&id.0), runs.folder.path().join("elsewhere")).unwrap();
    symlink(runs.folder.path().join("elsewhere"), runs.root().join(&id.0)).unwrap();
    for error in [
        runs.store.resume::<String>(&id).unwrap_err(),
        runs.store.read::<String>(&id).unwrap_err(),
        runs.store.remove(&id).unwrap_err(),
    ] {
        assert!(error.to_string().contains("is a symbolic link"), "{error}");
    }
    assert!(runs.folder.path().join("elsewhere/journal.jsonl").exists());
    // The root itself may be one.
    symlink(runs.root(), runs.folder.path().join("root")).unwrap();
    Store::open(&runs.folder.path().join("root"), LIMITS).unwrap();
}

#[test]
fn a_link_in_place_of_a_summary_or_an_artifact_is_replaced() {
    let mut runs = Runs::new();
    let mut journal = runs.create();
    let id = journal.header().run.clone();
    let target = runs.folder.path().join("target");
    fs::write(&target, "kept").unwrap();
    let artifact = ArtifactId::of(b"text");
    symlink(&target, runs.file(&id, "summary.json")).unwrap();
    symlink(&target, runs.file(&id, "artifacts").join(artifact.as_str())).unwrap();
    journal.set_summary(summary(true)).unwrap();
    assert_eq!(journal.put_artifact(b"text").unwrap(), artifact);
    assert_eq!(journal.artifact(&artifact).unwrap(), b"text");
    assert_eq!(fs::read(target).unwrap(), b"kept");
}

#[test]
fn ids_that_are_none_never_reach_the_disk() {
    let runs = Runs::new();
    for id in ["", ".", "..", "../x", "run_../../../../../../../etc/pas", "run_01"] {
        let id = RunId(id.to_owned());
        let error = runs.store.create::<String>(&Header::new(id.clone(), "o", 0)).unwrap_err();
        assert!(matches!(error, JournalError::InvalidId { .. }), "{error}");
        let error = runs.store.remove(&id).unwrap_err();
        assert!(matches!(error, JournalError::InvalidId { .. }), "{error}");
    }
    for text in ["", "..", "../summary.json", &"A".repeat(64), &"a".repeat(63)] {
        assert!(text.parse::<ArtifactId>().is_err(), "{text}");
        assert!(serde_json::from_value::<ArtifactId>(json!(text)).is_err(), "{text}");
    }
}

#[test]
fn a_run_is_created_once_and_an_unknown_one_is_named() {
    let mut runs = Runs::new();
    let id = runs.create().header().run.clone();
    let again = runs.store.create::<String>(&Header::new(id.clone(), "other", 0));
    assert!(matches!(again.unwrap_err(), JournalError::Exists { .. }));
    let unknown = runs.ids.next(0, [0; 10]);
    let error = runs.store.resume::<String>(&unknown).unwrap_err().to_string();
    assert!(error.starts_with(&format!("no run `{unknown}` in ")), "{error}");
    let long = Header::new(unknown, "o".repeat(257), 0);
    let error = runs.store.create::<String>(&long).unwrap_err().to_string();
    assert!(error.contains("the owner's name") && error.contains("limit of 256"), "{error}");
}

#[test]
fn a_header_of_the_longest_owner_is_read_back() {
    let mut runs = Runs::new();
    let id = runs.ids.next(1, [0; 10]);
    let owner = "\u{1}".repeat(Header::LONGEST_OWNER);
    let header = Header::new(id.clone(), owner.clone(), u64::MAX);
    let error = runs.store.create::<String>(&header).unwrap_err().to_string();
    assert!(error.contains("the journal of run") && error.contains("limit of 1000"), "{error}");
    assert_eq!(fs::read_dir(runs.root()).unwrap().count(), 0);
    let store = Store::open(&runs.root(), Limits::default()).unwrap();
    drop(store.create::<String>(&header).unwrap());
    assert_eq!(store.read::<String>(&id).unwrap().header.owner, owner);
    assert_eq!(store.list().unwrap().runs[0].header.owner, owner);
}

#[test]
fn what_is_above_a_limit_is_refused_and_nothing_is_written() {
    let mut runs = Runs::new();
    let mut journal = runs.create();
    let id = journal.header().run.clone();
    let error = journal.append(0, &"x".repeat(99), Durability::Synced).unwrap_err().to_string();
    assert!(error.contains("an entry") && error.contains("101 bytes"), "{error}");
    let mut appended = 0;
    let error = loop {
        match journal.append(0, &"x".repeat(60), Durability::Buffered) {
            Ok(number) => appended = number,
            Err(error) => break error.to_string(),
        }
    };
    assert!(appended > 2 && error.contains("the journal of run"), "{appended} {error}");
    assert_eq!(runs.store.read::<String>(&id).unwrap().entries.len() as u64, appended);
    let error = journal.put_artifact(&[0; 65]).unwrap_err().to_string();
    assert!(error.contains("an artifact") && error.contains("limit of 64"), "{error}");
    journal.put_artifact(&[1; 60]).unwrap();
    // The same content takes no further room.
    journal.put_artifact(&[1; 60]).unwrap();
    let error = journal.put_artifact(&[2; 60]).unwrap_err().to_string();
    assert!(error.contains("all artifacts") && error.contains("120 bytes"), "{error}");
    drop(journal);
    // Also after it was opened again.
    let (mut journal, _) = runs.store.resume::<String>(&id).unwrap();
    assert!(journal.put_artifact(&[2; 60]).is_err());
    let huge = RunSummary { finished: false, detail: json!("x".repeat(70_000)) };
    assert!(journal.set_summary(huge).unwrap_err().to_string().contains("the summary"));
}

#[test]
fn an_artifact_is_verified_when_it_is_read_and_mended_when_it_is_stored() {
    let mut runs = Runs::new();
    let mut journal = runs.create();
    let id = journal.header().run.clone();
    let artifact = journal.put_artifact(b"text").unwrap();
    let file = runs.file(&id, "artifacts").join(artifact.as_str());
    fs::write(&file, "tExt").unwrap();
    let error = runs.store.artifact(&id, &artifact).unwrap_err();
    assert!(matches!(error, JournalError::DamagedArtifact { .. }), "{error}");
    journal.put_artifact(b"text").unwrap();
    assert_eq!(runs.store.artifact(&id, &artifact).unwrap(), b"text");
    let absent = runs.store.artifact(&id, &ArtifactId::of(b"other")).unwrap_err();
    assert!(matches!(absent, JournalError::NoArtifact { .. }), "{absent}");
}

#[test]
fn a_list_has_every_run_and_names_what_is_none() {
    let mut runs = Runs::new();
    let ids: Vec<RunId> = (0..7).map(|_| runs.create().header().run.clone()).collect();
    runs.store.resume::<String>(&ids[0]).unwrap().0.set_summary(summary(true)).unwrap();
    let journal = |id: &RunId| runs.file(id, "journal.jsonl");
    let text = fs::read_to_string(journal(&ids[1])).unwrap();
    fs::write(journal(&ids[1]), text.replace("journal/1", "journal/2")).unwrap();
    fs::write(runs.file(&ids[2], "summary.json"), "{").unwrap();
    fs::remove_file(journal(&ids[3])).unwrap();
    fs::write(journal(&ids[4]), "a\0".repeat(10_000)).unwrap();
    fs::copy(journal(&ids[6]), journal(&ids[5])).unwrap();
    fs::write(runs.root().join("notes.txt"), "mine").unwrap();
    fs::create_dir(runs.root().join(".new-run_01ARZ3NDEKTSV4RRFFQ69G5FAV")).unwrap();

    let listing = runs.store.list().unwrap();
    let listed: Vec<&RunId> = listing.runs.iter().map(|run| &run.header.run).collect();
    assert_eq!(listed, [&ids[0], &ids[2], &ids[6]]);
    assert_eq!(listing.runs[0].summary, Some(summary(true)));
    assert_eq!(listing.runs[0].bytes, text.len() as u64);
    let reasons: Vec<String> = listing.skipped.iter().map(|s| s.reason.clone()).collect();
    let expected = [
        "invalid run `notes.txt`",
        "has the schema `harmonic.journal/2`",
        "invalid summary of run",
        "the file is absent",
        "its header is too long",
        "its header names another run",
    ];
    // By name: the note first.
    assert_eq!(reasons.len(), expected.len(), "{reasons:#?}");
    for (reason, expected) in reasons.iter().zip(expected) {
        assert!(reason.contains(expected), "{reasons:#?}");
    }
}

#[test]
fn of_the_finished_runs_the_newest_are_kept() {
    let mut runs = Runs::new();
    let mut ids = Vec::new();
    let mut open = None;
    for finished in [true, true, false, true, true, true] {
        let journal = runs.create();
        journal.set_summary(summary(finished)).unwrap();
        ids.push(journal.header().run.clone());
        if ids.len() == 2 {
            open = Some(journal);
        }
    }
    let stale = runs.root().join(".new-run_01ARZ3NDEKTSV4RRFFQ69G5FAV");
    let half = runs.root().join(".removed-run_01ARZ3NDEKTSV4RRFFQ69G5FAW");
    for leftover in [&stale, &half] {
        fs::create_dir(leftover).unwrap();
        fs::write(leftover.join("journal.jsonl"), "x").unwrap();
    }
    let kept = runs.store.keep(2).unwrap();
    assert_eq!(kept.removed, [ids[0].clone(), ids[3].clone()]);
    assert_eq!(kept.skipped, []);
    assert!(!stale.exists() && !half.exists());
    drop(open);
    let kept = runs.store.keep(0).unwrap();
    assert_eq!(kept.removed, [ids[1].clone(), ids[4].clone(), ids[5].clone()]);
    let left = runs.store.list().unwrap().runs;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].header.run, ids[2]);
}

#[test]
fn a_run_that_is_open_is_not_removed() {
    let mut runs = Runs::new();
    let journal = runs.create();
    let id = journal.header().run.clone();
    let error = runs.store.remove(&id).unwrap_err().to_string();
    let process = std::process::id();
    assert_eq!(
        error,
        format!(
            "run `{id}` is being written by process {process}: stop it there, or wait for its end"
        )
    );
    drop(journal);
    runs.store.remove(&id).unwrap();
    assert!(matches!(runs.store.remove(&id), Err(JournalError::NotFound { .. })));
    assert_eq!(fs::read_dir(runs.root()).unwrap().count(), 0);
}

#[test]
fn a_run_is_free_unless_a_writer_has_it_open_and_asking_hinders_no_writer() {
    let mut runs = Runs::new();
    let journal = runs.create();
    let id = journal.header().run.clone();
    let held = runs.store.check_free(&id).unwrap_err();
    assert!(matches!(held, JournalError::Locked { process: Some(_), .. }), "{held}");
    drop(journal);
    let store = &runs.store;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..200 {
                // It may be held by the other thread, and is never damaged.
                let asked = store.check_free(&id);
                assert!(matches!(asked, Ok(()) | Err(JournalError::Locked { .. })), "{asked:?}");
            }
        });
        for _ in 0..50 {
            store.resume::<String>(&id).unwrap();
        }
    });
    assert!(store.check_free(&id).is_ok());
}

#[test]
fn the_header_of_a_damaged_run_is_read_and_the_run_removed() {
    let mut runs = Runs::new();
    let journal = runs.create();
    let header = journal.header().clone();
    let path = runs.root().join(&header.run.0).join("journal.jsonl");
    drop(journal);
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend_from_slice(b"{\"x\": 1}\n{\"x\": 2}\n");
    fs::write(&path, bytes).unwrap();
    assert_eq!(runs.store.header(&header.run).unwrap(), header);
    runs.store.remove(&header.run).unwrap();
    assert!(matches!(runs.store.header(&header.run), Err(JournalError::NotFound { .. })));
}

/// The rest of an interrupted creation looks like one that goes on, until its writer has locked it.
#[test]
fn a_run_is_created_while_others_look_for_leftovers() {
    let runs = Runs::new();
    let (store, done) = (&runs.store, &std::sync::atomic::AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    // What changes meanwhile is skipped by it.
                    let _kept = store.keep(0);
                }
            });
        }
        let mut ids = RunIds::default();
        let created = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for number in 0..300u16 {
                let [high, low] = number.to_be_bytes();
                let id = ids.next(1_700_000_000_000, [7, 7, 7, 7, 7, 7, 7, 7, high, low]);
                drop(store.create::<String>(&Header::new(id, "somebody", 0)).unwrap());
            }
        }));
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        created.unwrap();
    });
    assert_eq!(store.list().unwrap().runs.len(), 300);
}
