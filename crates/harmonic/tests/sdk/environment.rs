//! Virtual environment with the pinned client libraries, created once below the target directory.
//!
//! Invariants: an environment is used only if its stamp states that it is complete and made by this
//! Python from these requirements; one process creates it at a time.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk/requirements.txt");

/// Interpreter of the environment, which is created if necessary.
pub fn python() -> PathBuf {
    let targets = Path::new(env!("CARGO_TARGET_TMPDIR"));
    // Lock held until the file is closed.
    let lock = File::create(targets.join("clients.lock")).unwrap();
    lock.lock().unwrap();
    let place = targets.join("clients");
    let python = place.join("bin/python");
    let stamp = place.join("made-from");
    let wanted = said(Command::new("python3").arg("-VV")) + include_str!("requirements.txt");
    if fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) {
        return python;
    }
    if place.exists() {
        fs::remove_dir_all(&place).unwrap();
    }
    said(Command::new("python3").args(["-m", "venv"]).arg(&place));
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    said(Command::new(&python).args(install).args(["--no-deps", "-r", REQUIREMENTS]));
    // Without `--no-deps`, pip would add unpinned packages; this reveals a missing pin.
    said(Command::new(&python).args(["-m", "pip", "check"]));
    fs::write(stamp, wanted).unwrap();
    python
}

/// Output of `command`, which must succeed.
#[track_caller]
fn said(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{err}", output.status);
    out
}
