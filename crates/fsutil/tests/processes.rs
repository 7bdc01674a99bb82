//! Several processes that write one file: this test program, started again as a writer.
//!
//! A writer is a test that is ignored unless run by name, with its task in environment variables.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy sees only its root function"
)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use harmonic_fsutil::{FileError, FileLock, Staged, WriteOptions, read, replace, update};

const FILE: &str = "FSUTIL_TEST_FILE";
const WORD: &str = "FSUTIL_TEST_WORD";

/// Starts the writer `name` on `file`.
fn writer(name: &str, file: &Path, word: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--ignored", "--nocapture", "--test-threads=1"]);
    command.env(FILE, file).env(WORD, word).stdout(Stdio::piped()).spawn().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a writer gets its task in variables")]
fn task() -> (PathBuf, String) {
    (std::env::var(FILE).unwrap().into(), std::env::var(WORD).unwrap())
}

/// Waits until the writer has printed `word`.
fn wait_for(child: &mut Child, word: &str) {
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.contains(word)), "no {word}");
}

#[test]
#[ignore = "a writer: started by the tests"]
fn appends_a_line() {
    let (file, word) = task();
    let changed: Result<(), FileError> = update(&file, WriteOptions::SECRET, |text| {
        let mut text = text.unwrap_or_default().to_vec();
        text.extend(format!("{word}\n").bytes());
        Ok((Some(text), ()))
    });
    changed.unwrap();
}

#[test]
fn no_update_of_many_writers_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("new/list.txt");
    let writers: Vec<Child> =
        (0..20).map(|n| writer("appends_a_line", &file, &n.to_string())).collect();
    for mut writer in writers {
        assert!(writer.wait().unwrap().success());
    }
    let text = fs::read_to_string(&file).unwrap();
    let mut lines: Vec<u32> = text.lines().map(|line| line.parse().unwrap()).collect();
    lines.sort_unstable();
    assert_eq!(lines, (0..20).collect::<Vec<_>>());
}

#[test]
#[ignore = "a writer: started by the tests"]
fn stages_and_waits() {
    let (file, word) = task();
    let staged = Staged::write(&file, word.as_bytes(), WriteOptions::DOCUMENT).unwrap();
    println!("staged");
    std::thread::park();
    staged.commit().unwrap();
}

#[test]
fn a_writer_killed_before_the_rename_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("list.txt");
    replace(&file, b"old", WriteOptions::DOCUMENT).unwrap();
    let mut killed = writer("stages_and_waits", &file, "new");
    wait_for(&mut killed, "staged");
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(read(&file, 100).unwrap().unwrap(), b"old");
    replace(&file, b"next", WriteOptions::DOCUMENT).unwrap();
    assert_eq!(read(&file, 100).unwrap().unwrap(), b"next");
}

#[test]
#[ignore = "a writer: started by the tests"]
fn replaces_without_end() {
    let (file, _) = task();
    for content in ["a", "b"].iter().cycle() {
        let content = content.repeat(1 << 20);
        replace(&file, content.as_bytes(), WriteOptions::TRANSIENT).unwrap();
        println!("replaced");
    }
}

#[test]
fn a_writer_killed_at_any_point_leaves_a_complete_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("list.txt");
    for _ in 0..10 {
        let mut killed = writer("replaces_without_end", &file, "");
        wait_for(&mut killed, "replaced");
        killed.kill().unwrap();
        killed.wait().unwrap();
        let bytes = fs::read(&file).unwrap();
        assert_eq!(bytes.len(), 1 << 20);
        assert!(bytes.iter().all(|byte| *byte == bytes[0]));
    }
}

#[test]
#[ignore = "a writer: started by the tests"]
fn holds_the_lock() {
    let (file, _) = task();
    let _lock = FileLock::wait(&file).unwrap();
    println!("locked");
    std::thread::park();
}

#[test]
fn a_lock_ends_with_its_process() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(".lock");
    let mut holder = writer("holds_the_lock", &file, "");
    wait_for(&mut holder, "locked");
    assert!(FileLock::attempt(&file).unwrap().is_none());
    holder.kill().unwrap();
    holder.wait().unwrap();
    drop(FileLock::wait(&file).unwrap());
    assert!(FileLock::attempt(&file).unwrap().is_some());
}
