//! `harmonic ps`.

use std::path::PathBuf;
use std::time::Duration;

use futures::future::join_all;
use harmonic_api::{Client, EngineHealth, ServerHealth};
use harmonic_launcher::{Run, RunAgent};
use serde::Serialize;

use crate::cli::Ps;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::settings::Settings;
use crate::view;

/// A server that says nothing for as long does not answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What `ps --json` prints.
#[derive(Debug, Serialize)]
struct Running {
    /// `harmonic.ps/1`.
    schema: &'static str,
    teams: Vec<Team>,
}

/// One team that runs. What only its server knows is null where that does not answer.
#[derive(Debug, Serialize)]
pub struct Team {
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

pub async fn run(args: &Ps, settings: &Settings, printer: &Printer) -> anyhow::Result<Exit> {
    let runs = settings.runs.running()?;
    printer.skipped(&runs.skipped);
    let teams = join_all(runs.documents.into_iter().map(look)).await;
    if args.json {
        printer.json(&Running { schema: "harmonic.ps/1", teams })?;
    } else if teams.is_empty() {
        printer.say("no team runs; `harmonic up --detach` starts one");
    } else {
        printer.data(&view::runs::text(&teams))?;
    }
    Ok(Exit::Ok)
}

async fn look(run: Run) -> Team {
    let health = health(&run.url).await;
    let uptime_s = run.uptime();
    let sum = |figure: fn(&EngineHealth) -> u32| {
        health.as_ref().map(|health| health.engines.iter().map(figure).sum())
    };
    Team {
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
