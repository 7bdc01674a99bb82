//! A team in the background: a second process of this program, in its own session.
//!
//! Owns: its start, its log, and the wait until it serves. The caller gives program and arguments.
//!
//! Invariants: each start has its own log, also of several at once; a log is locked through the
//! open file that the process writes to, so a log in use is never removed.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use harmonic_fsutil::FileLock;
use harmonic_launcher::Instance;

use crate::error::{AppError, Result};
use crate::settings::Settings;

/// Interval of the checks on the process.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Logs of ended teams that are kept for each port.
const KEPT_LOGS: usize = 4;

/// Beginning of the line with which a process that fails ends.
const ERROR: &str = "error: ";

/// Last lines of the log that an error shows.
const TAIL_LINES: usize = 15;

/// File name suffix of a log.
pub(crate) const LOG_SUFFIX: &str = ".log";

/// The program of a team in the background.
#[derive(Clone, Debug)]
pub struct Program {
    /// Path of the executable.
    pub path: PathBuf,
    /// Arguments without that of the log.
    pub arguments: Vec<OsString>,
    /// Option that takes the path of the log.
    pub log_argument: &'static str,
}

/// A team that was started in the background and does not serve yet. Dropping it ends the process.
#[derive(Debug)]
pub struct BackgroundStart {
    child: Child,
    log: PathBuf,
    serves: bool,
}

/// Starts a team on `port` in the background.
///
/// # Errors
/// When it cannot be started.
pub fn start(port: u16, program: &Program, settings: &Settings) -> Result<BackgroundStart> {
    let logs = &settings.logs;
    let (out, log) = create_log(logs, port)
        .map_err(AppError::context(format!("cannot write logs to {}", logs.display())))?;
    let child = spawn(program, out, &log)
        .map_err(AppError::context("cannot start a process in the background"))?;
    Ok(BackgroundStart { child, log, serves: false })
}

impl BackgroundStart {
    /// Path of its log.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Resolves when the team serves.
    ///
    /// # Errors
    /// When the process ends instead.
    pub async fn ready(mut self, settings: &Settings) -> Result<Instance> {
        loop {
            if self.child.try_wait()?.is_some() {
                let log = &self.log;
                let end = end(&read_log(log));
                let message = format!("the team did not start; the end of its log:\n{end}");
                let hint = format!("the whole log: {}", log.display());
                return Err(AppError::refused(message, hint));
            }
            let pid = self.child.id();
            let running = settings.instances.running()?.documents;
            if let Some(instance) = running.into_iter().find(|found| found.process.pid == pid) {
                self.serves = true;
                return Ok(instance);
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

impl Drop for BackgroundStart {
    fn drop(&mut self) {
        if !self.serves {
            // The process may have ended already.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Detaches this process, the one in the background, from its terminal: it becomes the leader of a
/// new session.
///
/// # Errors
/// When it leads a process group already, because it was not started by [`start`].
pub fn detach() -> io::Result<()> {
    rustix::process::setsid()?;
    Ok(())
}

/// Creates a log for a team on `port`, and removes the oldest logs of ended teams.
fn create_log(logs: &Path, port: u16) -> Result<(File, PathBuf)> {
    // Until its own lock is taken, a new log would look like one of an ended team.
    let _creating = FileLock::wait(&logs.join(".lock"))?;
    let name = match port {
        0 => "any".to_owned(),
        port => port.to_string(),
    };
    let prefix = format!("{name}-");
    remove_old_logs(logs, &prefix)?;
    let log = tempfile::Builder::new().prefix(&prefix).suffix(LOG_SUFFIX).tempfile_in(logs)?;
    // The lock belongs to the open file, which the background process inherits; it ends with the
    // process.
    log.as_file().lock()?;
    Ok(log.keep().map_err(io::Error::from)?)
}

/// Removes the logs that begin with `prefix`, except the newest and those of running teams.
fn remove_old_logs(logs: &Path, prefix: &str) -> io::Result<()> {
    let mut ended = Vec::new();
    for entry in fs::read_dir(logs)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_log = name
            .to_str()
            .is_some_and(|name| name.starts_with(prefix) && name.ends_with(LOG_SUFFIX));
        // Another process may be removing it.
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

/// The error at the end of the log `text`, indented; its last lines, if it ends without one.
fn end(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let error = lines.iter().rposition(|line| line.starts_with(ERROR));
    let first = error.unwrap_or_default().max(lines.len().saturating_sub(TAIL_LINES));
    lines[first..].iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// Text of the log; empty where it cannot be read.
fn read_log(log: &Path) -> String {
    String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_log_is_its_error_or_its_last_lines() {
        let plan = "stack dev\n  coder 1x\n".repeat(20);
        let failed = format!("{plan}error: the port is in use\nhint: choose another\n");
        assert_eq!(end(&failed), "  error: the port is in use\n  hint: choose another");
        assert_eq!(end(&plan).lines().count(), TAIL_LINES);
        assert_eq!(end("killed\n"), "  killed");
        assert_eq!(end(""), "");
    }
}
