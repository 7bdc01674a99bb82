//! A team in the background: this program once more, as a session of its own.
//!
//! Owns: starting it, its log, and waiting until it serves. It gets the arguments that this process
//! got, so that it does the same.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use harmonic_launcher::{Run, Runs};

use crate::failure::Failure;
use crate::printer::Printer;
use crate::progress::spinner;
use crate::stop::Stop;

/// Between two looks at the process.
const LOOK: Duration = Duration::from_millis(50);

/// Lines of the log that say why a team did not start.
const TAIL: usize = 15;

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
    let log =
        fresh(logs, port).with_context(|| format!("cannot write logs to {}", logs.display()))?;
    let mut child = spawn(&log).context("cannot start a process in the background")?;
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

/// A name for a new log; the one before it is kept beside.
fn fresh(logs: &Path, port: u16) -> io::Result<PathBuf> {
    fs::create_dir_all(logs)?;
    let name = match port {
        0 => format!("any-{}", std::process::id()),
        port => port.to_string(),
    };
    let log = logs.join(format!("{name}.log"));
    match fs::rename(&log, logs.join(format!("{name}.log.old"))) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(log),
    }
}

fn spawn(log: &Path) -> io::Result<Child> {
    let out = File::create(log)?;
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
        if let Some(run) = runs.running()?.into_iter().find(|run| run.process.pid == pid) {
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
