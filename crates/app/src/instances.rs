//! Teams that run on this machine: finding, asking and ending them.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures::future::join_all;
use harmonic_api::{Client, EngineHealth, ServerHealth};
use harmonic_fsutil::Skipped;
use harmonic_launcher::{Run, RunAgent, RunError};
use serde::Serialize;

use crate::error::{AppError, Result};
use crate::event::{Observer, warn_skipped};
use crate::settings::Settings;

/// A server that says nothing for as long does not answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between two looks at a process.
const LOOK: Duration = Duration::from_millis(50);

/// Between two signals to one that should end at once: two at the same moment would count as one.
const INSIST: Duration = Duration::from_millis(250);

/// What a server needs beyond its own grace period to end.
const TO_END: Duration = Duration::from_secs(10);

/// The document of `ps --json`.
#[derive(Debug, Serialize)]
pub struct RunningTeams {
    /// [`RunningTeams::SCHEMA`].
    pub schema: &'static str,
    /// By port.
    pub teams: Vec<TeamStatus>,
}

impl RunningTeams {
    /// The schema this build writes.
    pub const SCHEMA: &'static str = "harmonic.ps/1";
}

/// One team that runs. What only its server knows is null where that does not answer.
#[derive(Debug, Serialize)]
pub struct TeamStatus {
    /// Its process.
    pub pid: u32,
    /// Its stack.
    pub stack: String,
    /// Base URL for a client on this machine.
    pub url: String,
    /// Seconds since it began to serve.
    pub uptime_s: u64,
    /// `ok`, the worst state of its engines, or `silent`.
    pub state: String,
    /// Sequences that run.
    pub in_flight: Option<u32>,
    /// Requests that wait.
    pub queued: Option<u32>,
    /// Where its log goes; null where it has a terminal.
    pub log: Option<PathBuf>,
    /// Its agents.
    pub agents: Vec<RunAgent>,
    /// Its engines.
    pub engines: Option<Vec<EngineHealth>>,
}

/// The records of the teams that run, by port.
///
/// # Errors
/// When their folder cannot be read.
pub fn running(settings: &Settings, observer: &dyn Observer) -> Result<Vec<Run>> {
    let found = settings.runs.running()?;
    warn_skipped(observer, &found.skipped);
    Ok(found.documents)
}

/// Refuses where a team runs on `port`. A broken record is warned of: whether the port is taken
/// shows when it is bound, and the record is replaced then.
///
/// # Errors
/// When a team runs there, or the record cannot be read.
pub fn check_free(port: u16, settings: &Settings, observer: &dyn Observer) -> Result<()> {
    match settings.runs.on(port) {
        Ok(Some(Run { stack, port, process, .. })) => Err(AppError::refused(
            format!("the stack {stack} runs on port {port} already (process {})", process.pid),
            "`harmonic down` stops it; or choose another port with --port",
        )),
        Ok(None) => Ok(()),
        Err(RunError::Broken { path, reason }) => {
            warn_skipped(observer, &[Skipped { path, reason }]);
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// The teams that run, with what their servers say.
///
/// # Errors
/// When the folder of their records cannot be read.
pub async fn status(settings: &Settings, observer: &dyn Observer) -> Result<RunningTeams> {
    let runs = running(settings, observer)?;
    let teams = join_all(runs.into_iter().map(look)).await;
    Ok(RunningTeams { schema: RunningTeams::SCHEMA, teams })
}

/// A client of the team that runs here; of several, of the one on the usual port.
///
/// # Errors
/// When none runs, or several and none on that port.
pub fn client(settings: &Settings, observer: &dyn Observer) -> Result<Client> {
    let runs = running(settings, observer)?;
    let usual = runs.iter().find(|run| run.port == settings.port);
    match (usual, runs.as_slice()) {
        (Some(run), _) | (None, [run]) => Ok(settings.client(&run.url)?),
        (None, []) => {
            let hint = "`harmonic up --detach` starts one (--stack starter is the smallest); --url \
                        names a server elsewhere";
            Err(AppError::refused("no team runs here", hint))
        }
        (None, several) => {
            let urls: Vec<&str> = several.iter().map(|run| run.url.as_str()).collect();
            let what = format!("{} teams run here", several.len());
            Err(AppError::refused(what, format!("name one with --url: {}", urls.join(", "))))
        }
    }
}

/// Those of `runs` that are to end: the one on `port`, or the only one, or `all`.
///
/// # Errors
/// When there is none, or several and nothing says which.
pub fn chosen(mut runs: Vec<Run>, port: Option<u16>, all: bool) -> Result<Vec<Run>> {
    if let Some(port) = port {
        runs.retain(|run| run.port == port);
    }
    if runs.is_empty() {
        let (what, hint) = match port {
            Some(port) => {
                (format!("no team runs on port {port}"), "`harmonic ps` lists those that run")
            }
            None => ("no team runs".to_owned(), "`harmonic up --detach` starts one"),
        };
        return Err(AppError::refused(what, hint));
    }
    if runs.len() > 1 && !all {
        let ports: Vec<String> = runs.iter().map(|run| run.port.to_string()).collect();
        let what = format!("{} teams run, on the ports {}", runs.len(), ports.join(", "));
        return Err(AppError::refused(what, "name one with --port, or stop them with --all"));
    }
    Ok(runs)
}

/// Asks the process of `run` to end. One that has ended meanwhile is what is wanted.
///
/// # Errors
/// When it cannot be signalled.
pub fn ask_to_end(run: &Run) -> Result<()> {
    match run.process.ask_to_end() {
        Err(error) if run.process.runs() => {
            Err(AppError::doing(format!("cannot stop the process {}", run.process.pid))(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Resolves when the process of `run`, which was asked to, has ended: whether its answers were cut
/// off, because `grace` (seconds; `None` for its own) was over.
///
/// # Errors
/// When it does not end.
pub async fn ended(run: &Run, grace: Option<u64>) -> Result<bool> {
    let process = &run.process;
    let began = Instant::now();
    let patience = grace.map_or(Duration::from_secs(run.grace) + TO_END, Duration::from_secs);
    let mut insisted = None;
    while process.runs() {
        let waited = began.elapsed();
        if waited > patience + TO_END {
            let pid = process.pid;
            let what = format!("the process {pid} does not end");
            return Err(AppError::refused(what, format!("`kill -9 {pid}` ends it")));
        }
        let due = insisted.is_none_or(|last: Instant| last.elapsed() >= INSIST);
        // Its own handler has had the first signal by then.
        if waited >= patience.max(INSIST) && due {
            ask_to_end(run)?;
            insisted = Some(Instant::now());
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(insisted.is_some())
}

async fn look(run: Run) -> TeamStatus {
    let health = health(&run.url).await;
    let uptime_s = run.uptime();
    let sum = |figure: fn(&EngineHealth) -> u32| {
        health.as_ref().map(|health| health.engines.iter().map(figure).sum())
    };
    TeamStatus {
        pid: run.process.pid,
        stack: run.stack,
        url: run.url,
        uptime_s,
        state: health.as_ref().map_or_else(|| "silent".to_owned(), state),
        in_flight: sum(|engine| engine.in_flight),
        queued: sum(|engine| engine.queued),
        log: run.log,
        agents: run.agents,
        engines: health.map(|health| health.engines),
    }
}

/// What the server says of itself; `None` where it does not answer.
async fn health(url: &str) -> Option<ServerHealth> {
    let client = Client::new(url).ok()?;
    tokio::time::timeout(PATIENCE, client.engines()).await.ok()?.ok()
}

fn state(health: &ServerHealth) -> String {
    let is = |state: &&str| health.engines.iter().any(|engine| engine.state == **state);
    let worst = ["died", "restarting", "draining", "stopped"].iter().copied().find(|s| is(s));
    worst.unwrap_or(&health.status).to_owned()
}
