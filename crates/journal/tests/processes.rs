//! Journals of processes that are killed, that compete, or that run out of space: this test program,
//! started again as a writer.
//!
//! A writer is a test that is ignored unless run by name, with its task in environment variables.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy sees only its root function"
)]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use harmonic_journal::{Durability, Header, Journal, JournalError, Limits, RunSummary, Store};
use harmonic_types::RunId;

const FOLDER: &str = "JOURNAL_TEST_FOLDER";

fn id() -> RunId {
    RunId("run_01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned())
}

/// Starts the writer `name` on the store in `folder`, by a shell that first does `setup`.
fn writer(name: &str, folder: &Path, setup: &str) -> Child {
    let program = std::env::current_exe().unwrap();
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("{setup}\nexec \"$0\" \"$@\"")).arg(program);
    shell.args(["--exact", name, "--ignored", "--nocapture", "--test-threads=1"]);
    shell.env(FOLDER, folder).stdout(Stdio::piped()).spawn().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a writer gets its task in a variable")]
fn store() -> Store {
    let folder: PathBuf = std::env::var(FOLDER).unwrap().into();
    Store::open(&folder, Limits::default()).unwrap()
}

fn open(folder: &Path) -> Store {
    Store::open(folder, Limits::default()).unwrap()
}

fn lines(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let out: ChildStdout = child.stdout.take().unwrap();
    BufReader::new(out).lines().map_while(Result::ok)
}

/// Waits until the writer has printed `word`.
fn wait_for(child: &mut Child, word: &str) {
    assert!(lines(child).any(|line| line.contains(word)), "no {word}");
}

/// The entry with this number: of varied length, so that lines end anywhere in a page.
fn entry(number: u64) -> String {
    format!("{number} ").repeat(usize::try_from(number * 37 % 300).unwrap())
}

fn create_or_resume(store: &Store) -> (Journal<String>, u64) {
    match store.create(&Header::new(id(), "somebody", 1)) {
        Ok(journal) => (journal, 0),
        Err(JournalError::Exists { .. }) => {
            let (journal, recovered) = store.resume(&id()).unwrap();
            (journal, recovered.entries.len() as u64)
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
#[ignore = "a writer: started by the tests"]
fn appends_without_end() {
    let (mut journal, last) = create_or_resume(&store());
    for number in last + 1.. {
        let durability = if number % 3 == 0 { Durability::Synced } else { Durability::Buffered };
        assert_eq!(journal.append(number, &entry(number), durability).unwrap(), number);
        if durability == Durability::Synced {
            println!("synced {number}");
        }
    }
}

/// The number in `synced NUMBER`, which may stand behind what the test program says itself.
fn number_of(line: &str) -> Option<u64> {
    line.split_once("synced ")?.1.parse().ok()
}

#[test]
fn what_was_synced_survives_kill_9_at_any_moment() {
    let folder = tempfile::tempdir().unwrap();
    let mut before = 0;
    for round in 0..60 {
        let mut child = writer("appends_without_end", folder.path(), "");
        let mut synced = before;
        let mut lines = lines(&mut child);
        let said = lines.by_ref().filter_map(|line| number_of(&line));
        for number in said.take(1 + fastrand::usize(..20)) {
            synced = number;
        }
        // Not at the moment of a line: what was appended since then is in doubt.
        for _ in 0..fastrand::u32(..20_000) {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        synced = lines.filter_map(|line| number_of(&line)).fold(synced, u64::max);
        let recovered = open(folder.path()).read::<String>(&id()).unwrap();
        let count = recovered.entries.len() as u64;
        assert!(count >= synced && synced > before, "{round}: {count} {synced} {before}");
        assert_eq!(recovered.missing, 0);
        for (found, number) in recovered.entries.iter().zip(1_u64..) {
            assert_eq!((found.number, &found.entry), (number, &entry(number)));
        }
        before = synced;
    }
}

#[test]
#[ignore = "a writer: started by the tests"]
fn creates_and_removes_without_end() {
    let store = store();
    loop {
        let mut journal = match store.create::<String>(&Header::new(id(), "somebody", 1)) {
            Err(JournalError::Exists { .. }) => {
                store.remove(&id()).unwrap();
                continue;
            }
            created => created.unwrap(),
        };
        journal.append(0, &"first".to_owned(), Durability::Buffered).unwrap();
        println!("created");
    }
}

#[test]
fn a_run_whose_creation_or_removal_is_killed_is_there_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..30 {
        let mut child = writer("creates_and_removes_without_end", folder.path(), "");
        wait_for(&mut child, "created");
        child.kill().unwrap();
        child.wait().unwrap();
        let store = open(folder.path());
        let listing = store.list().unwrap();
        assert_eq!(listing.skipped, []);
        for run in &listing.runs {
            store.read::<String>(&run.header.run).unwrap();
        }
        store.keep(0).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), listing.runs.len());
    }
}

#[test]
#[ignore = "a writer: started by the tests"]
fn holds_the_run() {
    let (_journal, _) = create_or_resume(&store());
    println!("held");
    std::thread::park();
}

#[test]
fn a_second_writer_is_told_the_process_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = writer("holds_the_run", folder.path(), "");
    wait_for(&mut child, "held");
    let store = open(folder.path());
    for error in [store.resume::<String>(&id()).unwrap_err(), store.remove(&id()).unwrap_err()] {
        let holder = format!("is being written by process {}", child.id());
        assert!(error.to_string().contains(&holder), "{error}");
    }
    // Readers do not wait.
    assert_eq!(store.read::<String>(&id()).unwrap().entries, []);
    assert_eq!(store.list().unwrap().runs.len(), 1);
    child.kill().unwrap();
    child.wait().unwrap();
    drop(store.resume::<String>(&id()).unwrap());
}

#[test]
#[ignore = "a writer: started by the tests"]
fn appends_one_entry() {
    let store = store();
    let mut journal = loop {
        match store.resume::<String>(&id()) {
            Ok((journal, _)) => break journal,
            Err(JournalError::Locked { .. }) => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    };
    journal.append(0, &std::process::id().to_string(), Durability::Buffered).unwrap();
}

#[test]
fn of_many_writers_none_loses_an_entry_of_another() {
    let folder = tempfile::tempdir().unwrap();
    drop(create_or_resume(&open(folder.path())));
    let writers: Vec<Child> =
        (0..12).map(|_| writer("appends_one_entry", folder.path(), "")).collect();
    let mut expected: Vec<String> = writers.iter().map(|writer| writer.id().to_string()).collect();
    for mut writer in writers {
        assert!(writer.wait().unwrap().success());
    }
    let recovered = open(folder.path()).read::<String>(&id()).unwrap();
    let mut found: Vec<String> = recovered.entries.into_iter().map(|entry| entry.entry).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
#[ignore = "a writer: started by the tests"]
fn appends_until_no_space_is_left() {
    let (mut journal, mut last) = create_or_resume(&store());
    let error = loop {
        let number = last + 1;
        match journal.append(number, &entry(number), Durability::Synced) {
            Ok(number) => last = number,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, JournalError::NoSpace { .. }), "{error}");
    // A shorter one may fit: behind the last whole line, and not behind a fragment.
    if let Ok(number) = journal.append(last + 1, &String::new(), Durability::Synced) {
        last = number;
    }
    let artifact = journal.put_artifact(&vec![7; 64 << 10]).unwrap_err();
    assert!(matches!(artifact, JournalError::NoSpace { .. }), "{artifact}");
    journal.set_summary(RunSummary { finished: false, detail: "short".into() }).unwrap();
    println!("last {last}: {error}");
}

/// The limit on the size of files stands for a full disk: a write stops in the middle of a line,
/// too, and there is none for which a file system would have to be mounted.
#[test]
fn a_full_disk_is_named_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut last = 0;
    // Units of 512 bytes.
    for limit in [16, 17, 40] {
        let setup = format!("trap '' XFSZ\nulimit -f {limit}");
        let mut child = writer("appends_until_no_space_is_left", folder.path(), &setup);
        let said: Vec<String> = lines(&mut child).collect();
        assert!(child.wait().unwrap().success(), "{said:#?}");
        let line = said.iter().find_map(|line| Some(line.split_once("last ")?.1)).unwrap();
        let (number, error) = line.split_once(": ").unwrap();
        assert!(
            error.starts_with("no space for an entry of run `run_01ARZ3NDEKTSV4RRFFQ69G5FAV` in ")
                && error.contains("free some, then resume the run"),
            "{error}"
        );
        let number: u64 = number.parse().unwrap();
        assert!(number >= last, "{number} {last}");
        last = number;
        let recovered = open(folder.path()).read::<String>(&id()).unwrap();
        assert_eq!((recovered.cut, recovered.entries.len() as u64), (None, last));
        let artifacts = fs::read_dir(folder.path().join(&id().0).join("artifacts")).unwrap();
        assert_eq!(artifacts.count(), 0);
    }
    assert!(last > 10, "{last}");
}

#[test]
#[ignore = "a writer: started by the tests"]
fn writes_every_file() {
    let (mut journal, _) = create_or_resume(&store());
    journal.append(0, &"one".to_owned(), Durability::Synced).unwrap();
    journal.put_artifact(b"text").unwrap();
    journal.set_summary(RunSummary { finished: true, detail: "all".into() }).unwrap();
}

#[test]
fn modes_are_the_same_whatever_the_umask() {
    for umask in ["000", "022", "777"] {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("state/harmonic/runs");
        let mut child = writer("writes_every_file", &root, &format!("umask {umask}"));
        assert!(child.wait().unwrap().success(), "umask {umask}");
        let (mut open, mut files) = (vec![folder.path().join("state")], 0);
        while let Some(path) = open.pop() {
            let about = fs::metadata(&path).unwrap();
            let mode = about.permissions().mode() & 0o7777;
            assert_eq!(mode, if about.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
            files += u32::from(about.is_file());
            if about.is_dir() {
                open.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            }
        }
        assert_eq!(files, 5);
    }
}
