//! What a run costs beyond the requests that it makes, on a simulated engine whose steps take no
//! time.
//!
//! `make bench-runs`, or `cargo bench -p harmonic-app --bench runs`; `docs/performance.md` has
//! results. The table is Markdown on stdout. Ends with an error where a task costs more than
//! [`MOST_MS`].
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for people who measure")]

#[path = "../../tests/fixtures/settings.rs"]
mod settings;
mod shapes;
mod team;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use futures::StreamExt;
use futures::future::try_join_all;
use harmonic_engine::Engine;
use harmonic_gateway::{RunOwner, Runs};
use harmonic_types::{Event, Request, RunState, TaskGraph};

use crate::shapes::{chain, fan};
use crate::team::Team;

/// What a task may cost beyond its request.
const MOST_MS: f64 = 2.0;

/// Tasks of each run.
const TASKS: u32 = 33;

/// Runs of each shape, after one that is not counted.
const ROUNDS: usize = 20;

fn main() -> ExitCode {
    match start() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// As many threads as the server has for HTTP and runs.
fn start() -> anyhow::Result<bool> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let team = Team::start(home.path()).await?;
        println!("| {TASKS} tasks | run, ms | bare requests, ms | a task costs, ms | wanted |");
        println!("|---|--:|--:|--:|--:|");
        let mut holds = true;
        for (name, graph, at_once) in [
            ("one after the other", chain(TASKS), false),
            ("32 at once, and a join", fan(TASKS), true),
        ] {
            let Costs { run, bare } = measure(&team, &graph, at_once).await?;
            let each = (run - bare) / f64::from(TASKS);
            holds &= each <= MOST_MS;
            println!("| {name} | {run:.1} | {bare:.1} | {each:.2} | ≤ {MOST_MS} |");
        }
        team.deployment.drain(Duration::ZERO).await;
        Ok(holds)
    })
}

/// Medians, in milliseconds.
struct Costs {
    run: f64,
    bare: f64,
}

/// Does `graph` as a run, and the same requests without one, in turns.
async fn measure(team: &Team, graph: &TaskGraph, at_once: bool) -> anyhow::Result<Costs> {
    let (mut runs, mut bares) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let began = Instant::now();
        run(team, graph).await?;
        let took = began.elapsed();
        let requests = team.recorded();
        if requests.len() != graph.tasks.len() {
            bail!("{} requests for {} tasks", requests.len(), graph.tasks.len());
        }
        let began = Instant::now();
        bare(team, requests, at_once).await?;
        if round > 0 {
            runs.push(took);
            bares.push(began.elapsed());
        }
    }
    Ok(Costs { run: median_ms(runs), bare: median_ms(bares) })
}

/// Does `graph` as a run, to its end.
async fn run(team: &Team, graph: &TaskGraph) -> anyhow::Result<()> {
    let owner = || RunOwner(None);
    let run = team.service.create_run(owner(), Team::wanted(graph)).await?;
    let mut events = team.service.events(owner(), run.id.clone(), None).await?;
    while events.next().await.is_some() {}
    let record = team.service.show(owner(), run.id).await?;
    if record.state != RunState::Done {
        bail!("the run is {:?}", record.state);
    }
    Ok(())
}

/// Makes `requests` straight, all but the last at once or each after the one before.
async fn bare(team: &Team, mut requests: Vec<Request>, at_once: bool) -> anyhow::Result<()> {
    let last = requests.pop().context("a graph has tasks")?;
    if at_once {
        try_join_all(requests.into_iter().map(|request| answer(&team.engine, request))).await?;
    } else {
        for request in requests {
            answer(&team.engine, request).await?;
        }
    }
    answer(&team.engine, last).await
}

async fn answer(engine: &Arc<dyn Engine>, request: Request) -> anyhow::Result<()> {
    let mut generation = engine.submit(request).await?;
    while let Some(event) = generation.next().await {
        if let Event::Failed { message } | Event::FormBroken { message } = event {
            bail!(message);
        }
    }
    Ok(())
}

fn median_ms(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}
