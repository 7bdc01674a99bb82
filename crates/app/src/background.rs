//! A team in the background: this program once more, as a session of its own.
//!
//! Owns: its start, its log, and the wait until it serves. Program and arguments are the caller's.
//!
//! Invariants: each start has a log of its own, so that of several at once each keeps its words; a
//! log is locked by the open file that the process writes to, so none that is written is removed.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use harmonic_fsutil::FileLock;
use harmonic_launcher::Run;

use crate::error::{AppError, Result};
use crate::settings::Settings;

/// Between two looks at the process.
const LOOK: Duration = Duration::from_millis(50);

/// Logs of ended teams that are kept for a port.
const KEPT_LOGS: usize = 4;

/// Lines of the log that say why a team did not start.
const TAIL: usize = 15;

/// What the name of a log ends in.
const LOG: &str = ".log";

/// The program of a team in the background.
#[derive(Clone, Debug)]
pub struct Program {
    /// Where it lies.
    pub path: PathBuf,
    /// All that it is told but its log.
    pub arguments: Vec<OsString>,
    /// The argument before the path of its log.
    pub log_argument: &'static str,
}

/// A team that was started in the background and does not serve yet.
///
/// Dropped before it serves, it is ended.
#[derive(Debug)]
pub struct Starting {
    child: Child,
    log: PathBuf,
    serves: bool,
}

/// Starts a team on `port` in the background.
///
/// # Errors
/// When it cannot be started.
pub fn start(port: u16, program: &Program, settings: &Settings) -> Result<Starting> {
    let logs = &settings.logs;
    let (out, log) = fresh(logs, port)
        .map_err(AppError::doing(format!("cannot write logs to {}", logs.display())))?;
    let child = spawn(program, out, &log)
        .map_err(AppError::doing("cannot start a process in the background"))?;
    Ok(Starting { child, log, serves: false })
}

impl Starting {
    /// Its log.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Resolves when it serves; `said` gets the last line of its log from time to time.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn ready(mut self, settings: &Settings, said: impl Fn(&str)) -> Result<Run> {
        loop {
            if self.child.try_wait()?.is_some() {
                let log = &self.log;
                let message = format!("the team did not start; its last words:\n{}", tail(log));
                let hint = format!("all of them: {}", log.display());
                return Err(AppError::refused(message, hint));
            }
            let pid = self.child.id();
            let running = settings.runs.running()?.documents;
            if let Some(run) = running.into_iter().find(|run| run.process.pid == pid) {
                self.serves = true;
                return Ok(run);
            }
            if let Some(last) = text(&self.log).lines().last() {
                said(last.trim());
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        if !self.serves {
            // It may have ended by itself.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
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
fn fresh(logs: &Path, port: u16) -> Result<(File, PathBuf)> {
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
    Ok(log.keep().map_err(io::Error::from)?)
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

fn spawn(program: &Program, out: File, log: &Path) -> io::Result<Child> {
    let err = out.try_clone()?;
    Command::new(&program.path)
        .args(&program.arguments)
        .arg(program.log_argument)
        .arg(log)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .spawn()
}

/// The end of the log, set in.
fn tail(log: &Path) -> String {
    let text = text(log);
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.iter().skip(lines.len().saturating_sub(TAIL));
    last.map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// A log that cannot be read says nothing.
fn text(log: &Path) -> String {
    String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned()
}
