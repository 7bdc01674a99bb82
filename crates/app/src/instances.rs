//! Running teams of this machine: list, status, stop.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures::future::join_all;
use harmonic_api::{Client, EngineHealth, ServerHealth};
use harmonic_fsutil::Skipped;
use harmonic_launcher::{Instance, InstanceAgent, InstanceError};
use serde::Serialize;

use crate::error::{AppError, Result};
use crate::event::{Observer, warn_skipped};
use crate::server_choice::{ServerChoice, port_option, ports};
use crate::settings::Settings;

/// Timeout of a health request.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);

/// Interval of the checks on a process.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Interval between two signals: two at the same moment would count as one.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(250);

/// Time that a server needs to end after its grace period.
const EXIT_MARGIN: Duration = Duration::from_secs(10);

/// The document of `ps --json`.
#[derive(Debug, Serialize)]
pub struct RunningTeams {
    /// [`RunningTeams::SCHEMA`].
    pub schema: &'static str,
    /// In the order of their ports.
    pub teams: Vec<TeamStatus>,
}

impl RunningTeams {
    /// The schema this build writes.
    pub const SCHEMA: &'static str = "harmonic.ps/1";
}

/// One running team. Fields that only its server knows are null where it does not answer.
#[derive(Debug, Serialize)]
pub struct TeamStatus {
    /// Process number.
    pub pid: u32,
    /// Name of its stack.
    pub stack: String,
    /// Base URL for a client on this machine.
    pub url: String,
    /// Port it listens on.
    pub port: u16,
    /// Seconds since the start of serving.
    pub uptime_s: u64,
    /// `ok`, the worst state of its engines, or `silent` where the server does not answer.
    pub state: String,
    /// Running sequences.
    pub in_flight: Option<u32>,
    /// Queued requests.
    pub queued: Option<u32>,
    /// Log file; null where it logs to a terminal.
    pub log: Option<PathBuf>,
    /// Its agents, in the order of the stack.
    pub agents: Vec<InstanceAgent>,
    /// Its engines, as `/health` reports them.
    pub engines: Option<Vec<EngineHealth>>,
}

/// Records of the running teams, by port.
///
/// # Errors
/// When their folder cannot be read.
pub fn running(settings: &Settings, observer: &dyn Observer) -> Result<Vec<Instance>> {
    let found = settings.instances.running()?;
    warn_skipped(observer, &found.skipped);
    Ok(found.documents)
}

/// Checks that no team runs on `port`. An invalid record is only a warning: binding the port shows
/// whether it is in use, and the record is replaced then.
///
/// # Errors
/// When a team runs there, or the record cannot be read.
pub fn check_free(port: u16, settings: &Settings, observer: &dyn Observer) -> Result<()> {
    match settings.instances.on(port) {
        Ok(Some(Instance { stack, port, process, .. })) => Err(AppError::refused(
            format!("the stack {stack} runs on port {port} already (process {})", process.pid),
            format!(
                "`harmonic down{}` stops it; or choose another port with --port",
                port_option(port, settings)
            ),
        )),
        Ok(None) => Ok(()),
        Err(InstanceError::Invalid { path, reason }) => {
            warn_skipped(observer, &[Skipped { path, reason }]);
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// Status of the running teams, or of that on `port`, as their servers report it.
///
/// # Errors
/// When the folder of their records cannot be read, or no team runs on `port`.
pub async fn status(
    port: Option<u16>,
    settings: &Settings,
    observer: &dyn Observer,
) -> Result<RunningTeams> {
    let instances = match port {
        Some(port) => vec![ServerChoice::Port(port).instance(settings, observer)?],
        None => running(settings, observer)?,
    };
    let teams = join_all(instances.into_iter().map(team_status)).await;
    Ok(RunningTeams { schema: RunningTeams::SCHEMA, teams })
}

/// Selects the instances to stop: the one on `port`, or the only one, or `all`.
///
/// # Errors
/// When there is none, or several and neither `port` nor `all` is given.
pub fn select(mut instances: Vec<Instance>, port: Option<u16>, all: bool) -> Result<Vec<Instance>> {
    if let Some(port) = port {
        instances.retain(|instance| instance.port == port);
    }
    if instances.is_empty() {
        let (what, hint) = match port {
            Some(port) => {
                (format!("no team runs on port {port}"), "`harmonic ps` lists those that run")
            }
            None => ("no team runs".to_owned(), "`harmonic up --detach` starts one"),
        };
        return Err(AppError::refused(what, hint));
    }
    if instances.len() > 1 && !all {
        let what = format!("{} teams run, on the ports {}", instances.len(), ports(&instances));
        return Err(AppError::refused(what, "name one with --port, or stop them with --all"));
    }
    Ok(instances)
}

/// Sends SIGTERM to the process of `instance`; succeeds also when it has ended already.
///
/// # Errors
/// When it cannot be signalled.
pub fn terminate(instance: &Instance) -> Result<()> {
    let process = &instance.process;
    match process.terminate() {
        Err(error) if process.is_running() => {
            Err(AppError::context(format!("cannot stop the process {}", process.pid))(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Waits for the end of a terminated `instance`; returns whether its answers were cut off because
/// `grace` (in seconds; `None` for its own) was over.
///
/// # Errors
/// When the process does not end.
pub async fn wait_for_exit(instance: &Instance, grace: Option<u64>) -> Result<bool> {
    let process = &instance.process;
    let began = Instant::now();
    let patience =
        grace.map_or(Duration::from_secs(instance.grace) + EXIT_MARGIN, Duration::from_secs);
    let mut last_signal = None;
    while process.is_running() {
        let waited = began.elapsed();
        if waited > patience + EXIT_MARGIN {
            let pid = process.pid;
            let what = format!("the process {pid} does not end");
            return Err(AppError::refused(what, format!("`kill -9 {pid}` ends it")));
        }
        let due = last_signal.is_none_or(|last: Instant| last.elapsed() >= SIGNAL_INTERVAL);
        // Its handler has received the first signal by then.
        if waited >= patience.max(SIGNAL_INTERVAL) && due {
            terminate(instance)?;
            last_signal = Some(Instant::now());
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    Ok(last_signal.is_some())
}

async fn team_status(instance: Instance) -> TeamStatus {
    let health = health(&instance.url).await;
    let uptime_s = instance.uptime();
    let sum = |figure: fn(&EngineHealth) -> u32| {
        health.as_ref().map(|health| health.engines.iter().map(figure).sum())
    };
    TeamStatus {
        pid: instance.process.pid,
        stack: instance.stack,
        url: instance.url,
        port: instance.port,
        uptime_s,
        state: health.as_ref().map_or_else(|| "silent".to_owned(), state),
        in_flight: sum(|engine| engine.in_flight),
        queued: sum(|engine| engine.queued),
        log: instance.log,
        agents: instance.agents,
        engines: health.map(|health| health.engines),
    }
}

/// Health report of the server; `None` where it does not answer.
async fn health(url: &str) -> Option<ServerHealth> {
    let client = Client::new(url).ok()?;
    tokio::time::timeout(HEALTH_TIMEOUT, client.engines()).await.ok()?.ok()
}

fn state(health: &ServerHealth) -> String {
    let is = |state: &&str| health.engines.iter().any(|engine| engine.state == **state);
    let worst = ["died", "restarting", "draining", "stopped"].iter().copied().find(|s| is(s));
    worst.unwrap_or(&health.status).to_owned()
}
