//! Benchmark of harmonic against `llama-server` on one machine.
//!
//! `make bench-peers`, or `cargo bench -p harmonic --bench peers -- [a b c d bare cancel]`; see
//! `--help`. `docs/performance.md` describes the method and the results. Tables go to stdout,
//! progress to stderr.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an interactive benchmark program")]

mod arguments;
mod arrivals;
mod bare;
mod cancel;
mod cpu;
mod http;
mod llama_server;
mod load;
mod long_prompt;
mod ours;
mod paper;
mod report;
mod run;
mod sample;
mod server;
mod setup;
mod seven;
mod statistics;
mod table;
mod team;
mod words;

use std::process::ExitCode;

use anyhow::bail;
use clap::Parser;

use crate::arguments::{Arguments, Scenario};
use crate::paper::Protocol;
use crate::run::Run;
use crate::table::{Bound, Table};

fn main() -> ExitCode {
    match start(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// One thread, to leave the cores to the servers.
fn start(arguments: Arguments) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        // Dropping the run stops its servers.
        tokio::select! {
            done = run(arguments) => done,
            _ = tokio::signal::ctrl_c() => bail!("stopped"),
            _ = terminate.recv() => bail!("stopped"),
        }
    })
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let run = Run::new(arguments)?;
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let command = format!("cargo bench -p harmonic --bench peers -- {}", words.join(" "));
    let conditions = report::conditions(&run, command.trim()).await?;
    for condition in &conditions {
        println!("{condition}");
    }
    let mut shown = Shown::default();
    let wants = |scenario| run.arguments.wants(scenario);
    if wants(Scenario::A) {
        shown.take(async { paper::beside_peer(&run, paper_protocol(&run)?).await }.await);
    }
    if wants(Scenario::Bare) {
        shown.take(async { paper::beside_bare(&run, bare_protocol(&run)?).await }.await);
    }
    if wants(Scenario::B) {
        shown.take(seven::run(&run, seven::SHORT).await);
        if !run.arguments.quick {
            shown.take(seven::run(&run, seven::LONG).await);
        }
    }
    if wants(Scenario::C) {
        shown.take(async { paper::beside_peer(&run, large_vocabulary(&run)?).await }.await);
    }
    if wants(Scenario::D) {
        shown.take(long_prompt::run(&run).await);
    }
    if wants(Scenario::Cancel) {
        shown.take(cancel::run(&run).await);
    }
    if run.arguments.write {
        report::write(&conditions, &shown.tables)?;
    }
    match shown.failures {
        0 => Ok(()),
        failures => bail!("{failures} scenarios failed, see above"),
    }
}

/// Results so far. A failed scenario does not affect the others, which took minutes.
#[derive(Default)]
struct Shown {
    tables: Vec<Table>,
    failures: u32,
}

impl Shown {
    fn take(&mut self, scenario: anyhow::Result<Table>) {
        match scenario {
            Ok(table) => {
                println!("\n{}", table.text());
                self.tables.push(table);
            }
            Err(error) => {
                eprintln!("error: {error:#}");
                self.failures += 1;
            }
        }
    }
}

/// (a)
fn paper_protocol(run: &Run) -> anyhow::Result<Protocol> {
    Ok(Protocol {
        title: "The paper's protocol: 50 tokens in, 100 out",
        model: run.model(run.arguments.model.as_ref(), "smollm2:135m")?,
        plain_text: false,
        levels: run.arguments.paper_levels(),
        trials: run.arguments.trials(6),
        wanted: |level| Some(Bound::AtLeast(if level == 32 { 1.08 } else { 0.97 })),
    })
}

/// (a) beside a bare loop.
fn bare_protocol(run: &Run) -> anyhow::Result<Protocol> {
    Ok(Protocol {
        title: "The same beside a bare decode loop",
        levels: run.arguments.levels_of(&[1, 8, 16, 32]),
        trials: run.arguments.trials(5),
        wanted: |_| Some(Bound::AtLeast(0.9)),
        ..paper_protocol(run)?
    })
}

/// (c)
fn large_vocabulary(run: &Run) -> anyhow::Result<Protocol> {
    Ok(Protocol {
        title: "The paper's protocol on a model with a vocabulary of 262,144",
        model: run.model(run.arguments.large_model.as_ref(), "gemma3:270m")?,
        plain_text: true,
        levels: run.arguments.levels_of(&[1, 8, 32]),
        trials: run.arguments.trials(4),
        wanted: |level| (level == 32).then_some(Bound::AtLeast(1.15)),
    })
}
