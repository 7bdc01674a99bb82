//! A team in the background: this program once more, as a session of its own.
//!
//! Owns: starting it, its log, and waiting until it serves. It gets the arguments that this process
//! got, so that it does the same.
//!
//! Invariants: each start has a log of its own, so that of several at once each keeps its words; a
//! log is locked by the open file that the process writes to, so none that is written is removed.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use harmonic_fsutil::FileLock;
use harmonic_launcher::{Run, Runs};

use crate::failure::Failure;
use crate::printer::Printer;
use crate::progress::spinner;
use crate::stop::Stop;

/// Between two looks at the process.
const LOOK: Duration = Duration::from_millis(50);

/// Logs of ended teams that are kept for a port.
const KEPT_LOGS: usize = 4;

/// Lines of the log that say why a team did not start.
const TAIL: usize = 15;

/// What the name of a log ends in.
const LOG: &str = ".log";

/// What makes the difference between this process and that one.
const HERE: &str = "--detach";
const THERE: &str = "--log-to";

/// Starts a team on `port` in the background and waits until it serves.
///
/// # Errors
/// When it does not start, or the user stops it.
pub async fn start(
    port: u16,
    runs: &Runs,
    logs: &Path,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Run> {
    let (out, log) =
        fresh(logs, port).with_context(|| format!("cannot write logs to {}", logs.display()))?;
    let mut child = spawn(out, &log).context("cannot start a process in the background")?;
    let started = stop.or(ready(&mut child, runs, &log, printer)).await;
    let started = started.map_err(anyhow::Error::from).flatten();
    if started.is_err() {
        // It may have ended by itself.
        let _ = child.kill();
        let _ = child.wait();
    }
    started
}

/// In the process in the background: not even the terminal's end reaches it from now on.
///
/// # Errors
/// When it leads a session or a group already, because it was not started as it should.
pub fn settle() -> io::Result<()> {
    rustix::process::setsid()?;
    Ok(())
}

/// A new log for a team on `port`. The oldest of those that ended go.
fn fresh(logs: &Path, port: u16) -> anyhow::Result<(File, PathBuf)> {
    // A log counts as one of an ended team from its making to its own lock.
    let _making = FileLock::wait(&logs.join(".lock"))?;
    let name = match port {
        0 => "any".to_owned(),
        port => port.to_string(),
    };
    let prefix = format!("{name}-");
    remove_old(logs, &prefix)?;
    let log = tempfile::Builder::new().prefix(&prefix).suffix(LOG).tempfile_in(logs)?;
    // The lock is the open file's, which the process in the background inherits: it ends with it.
    log.as_file().lock()?;
    Ok(log.keep()?)
}

/// Removes all logs that begin with `prefix` but the newest and those of teams that run.
fn remove_old(logs: &Path, prefix: &str) -> io::Result<()> {
    let mut ended = Vec::new();
    for entry in fs::read_dir(logs)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_log =
            name.to_str().is_some_and(|name| name.starts_with(prefix) && name.ends_with(LOG));
        // Others may be removing the same ones.
        let Ok(metadata) = entry.metadata() else { continue };
        if !is_log || !metadata.is_file() {
            continue;
        }
        let path = entry.path();
        if File::open(&path).is_ok_and(|log| log.try_lock().is_ok()) {
            ended.push((metadata.modified()?, path));
        }
    }
    ended.sort();
    let superfluous = ended.len().saturating_sub(KEPT_LOGS);
    for (_, path) in &ended[..superfluous] {
        let _ = fs::remove_file(path);
    }
    Ok(())
}

fn spawn(out: File, log: &Path) -> io::Result<Child> {
    let err = out.try_clone()?;
    let arguments = std::env::args_os().skip(1).filter(|argument| argument != OsStr::new(HERE));
    Command::new(std::env::current_exe()?)
        .args(arguments)
        // A log without requests would be of little use.
        .arg("--verbose")
        .arg(THERE)
        .arg(log)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .spawn()
}

async fn ready(
    child: &mut Child,
    runs: &Runs,
    log: &Path,
    printer: &Printer,
) -> anyhow::Result<Run> {
    printer.say(&format!("starting in the background; its log is {}", log.display()));
    let bar = printer.is_live().then(|| spinner("starting"));
    loop {
        if child.try_wait()?.is_some() {
            let message = format!("the team did not start; its last words:\n{}", tail(log));
            return Err(Failure::new(message, format!("all of them: {}", log.display())).into());
        }
        let pid = child.id();
        let running = runs.running()?.documents;
        if let Some(run) = running.into_iter().find(|run| run.process.pid == pid) {
            if let Some(bar) = bar {
                bar.finish_and_clear();
            }
            return Ok(run);
        }
        if let (Some(bar), Some(last)) = (&bar, said(log).lines().last()) {
            bar.set_message(last.trim().to_owned());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The end of the log, set in.
fn tail(log: &Path) -> String {
    let said = said(log);
    let lines: Vec<&str> = said.lines().collect();
    let last = lines.iter().skip(lines.len().saturating_sub(TAIL));
    last.map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// A log that cannot be read says nothing.
fn said(log: &Path) -> String {
    String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned()
}
