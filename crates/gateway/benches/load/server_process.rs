//! Main function of the child process.
//!
//! A server prints its address, serves until its standard input is closed, and prints a [`Report`].

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use harmonic_engine::clock::WallClock;
use harmonic_engine::sim::{SimMachine, SimVocabulary};
use harmonic_engine::{Engine, Local, LocalConfig};
use harmonic_events::EventStream;
use harmonic_gateway::{Access, Config, bind, serve};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::arguments::{Arguments, Role};
use crate::counting_engine::{CountingEngine, Counts};
use crate::meter::{Meter, Metered};
use crate::stub::Stub;
use crate::usage::HTTP;
use crate::{baseline, open_files, team};

/// Interval of the events of each stream.
pub const TICK: Duration = Duration::from_millis(1);

/// Report of a server at its end.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Requests as counted by the engine.
    pub counts: Counts,
    /// Slots in use and requests waiting at the end.
    pub left: u32,
}

/// Runs the child process in `role`.
pub fn run(role: Role, arguments: &Arguments) -> anyhow::Result<()> {
    open_files::raise_limit(open_files::count_for(arguments.connections))?;
    let report = match role {
        Role::Baseline => {
            let meter = Meter::default();
            let engine = paced(&arguments.model, &meter, EventStream::default())?;
            let runtime = Builder::new_current_thread().enable_all().build()?;
            serde_json::to_string(&runtime.block_on(baseline::run(&engine, &meter, arguments))?)?
        }
        Role::Paced => {
            let events = EventStream::default();
            let engine = paced(&arguments.model, &Meter::default(), events.clone())?;
            serde_json::to_string(&server(
                &CountingEngine::new(engine),
                events,
                arguments.threads,
            )?)?
        }
        Role::Instant => {
            let engine = CountingEngine::new(Stub::Instant);
            let served = server(&engine, EventStream::default(), arguments.threads)?;
            serde_json::to_string(&served)?
        }
        Role::Ticking => {
            let engine = CountingEngine::new(Stub::ticking(TICK)?);
            let served = server(&engine, EventStream::default(), arguments.threads)?;
            serde_json::to_string(&served)?
        }
    };
    println!("{report}");
    Ok(())
}

/// Simulated machine at real pace, as in `harmonic up --engine sim`.
fn paced(model: &str, meter: &Meter, events: EventStream) -> anyhow::Result<Local> {
    let paper = team::paper(model)
        .with_context(|| format!("{model} is not in the catalog: see `harmonic models list`"))?;
    let config = LocalConfig { events, ..team::config(model) };
    let meter = meter.clone();
    let inner = SimMachine::new(paper, config.sequences, config.kv_tokens);
    Ok(Local::spawn(config, Arc::new(SimVocabulary), move |thread| {
        thread.drive(Metered { inner, meter }, &mut WallClock::default())
    })?)
}

fn server(
    engine: &Arc<CountingEngine>,
    events: EventStream,
    threads: u32,
) -> anyhow::Result<Report> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(threads as usize)
        .thread_name(HTTP)
        .enable_all()
        .build()?;
    serve_until_stdin_closes(&runtime, engine, events)?;
    let agents = engine.status().agents;
    let left = agents.iter().map(|agent| agent.in_flight + agent.preempted + agent.queued).sum();
    Ok(Report { counts: engine.counts(), left })
}

fn serve_until_stdin_closes(
    runtime: &Runtime,
    engine: &Arc<CountingEngine>,
    events: EventStream,
) -> anyhow::Result<()> {
    let models = team::models(Arc::clone(engine) as Arc<dyn Engine>).with_events(events);
    let listener = runtime.block_on(bind(([127, 0, 0, 1], 0).into()))?;
    println!("{}", listener.address());
    let (stop, stopped) = oneshot::channel::<()>();
    let serving =
        runtime.spawn(serve(listener, models, Access::default(), Config::default(), async {
            drop(stopped.await);
        }));
    runtime.block_on(async {
        let mut input = Vec::new();
        tokio::io::stdin().read_to_end(&mut input).await?;
        drop(stop);
        anyhow::Ok(serving.await??)
    })
}
