//! Cost of the gateway: against the engine alone, per request and per event.
//!
//! `make bench-gateway`, or `cargo bench -p harmonic-gateway --bench load -- [saturation added
//! forwarded listeners]`; `--help` has the rest. `docs/performance.md` has results. The tables are
//! Markdown on stdout, progress is on stderr.
//!
//! The server is a child process of this program, so that its CPU time and memory are measured
//! apart from the client's.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for people who measure")]

mod added;
mod arguments;
mod baseline;
mod child;
mod client_counts;
mod forwarded;
mod listeners;
mod load_request;
mod meter;
mod saturation;
mod server_process;
mod stub;
mod table;
mod usage;

#[path = "../../tests/load/connection.rs"]
mod connection;
#[path = "../../tests/load/counting_engine.rs"]
mod counting_engine;
#[path = "../../tests/load/open_files.rs"]
mod open_files;
#[path = "../../tests/load/outcome.rs"]
mod outcome;
#[path = "../../tests/load/team.rs"]
mod team;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Scenario};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.serve {
        Some(role) => server_process::run(role, &arguments),
        None => measure(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the scenarios on one thread: the other cores are for the server.
fn measure(arguments: &Arguments) -> anyhow::Result<()> {
    open_files::raise_limit(open_files::count_for(arguments.connections))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        if arguments.wants(Scenario::Saturation) {
            println!("{}", saturation::run(arguments).await?);
        }
        if arguments.wants(Scenario::Added) {
            println!("{}", added::run().await?);
        }
        if arguments.wants(Scenario::Forwarded) {
            println!("{}", forwarded::run().await?);
        }
        if arguments.wants(Scenario::Listeners) {
            println!("{}", listeners::run(arguments).await?);
        }
        Ok(())
    })
}
