//! What the gateway costs: beside the engine alone, per request and per event.
//!
//! `make bench-gateway`, or `cargo bench -p harmonic-gateway --bench load -- [crowd added
//! forwarded listened]`; `--help` has the rest. `docs/performance.md` says what was seen. The tables are
//! Markdown and go to stdout, progress to stderr.
//!
//! The server is this program once more, in a process of its own, so that its CPU time and its
//! memory can be told from the client's.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for people who measure")]

mod added;
mod alone;
mod arguments;
mod child;
mod crowd;
mod forwarded;
mod listened;
mod meter;
mod question;
mod served;
mod stub;
mod table;
mod tally;
mod usage;

#[path = "../../tests/load/answer.rs"]
mod answer;
#[path = "../../tests/load/connection.rs"]
mod connection;
#[path = "../../tests/load/counted.rs"]
mod counted;
#[path = "../../tests/load/files.rs"]
mod files;
#[path = "../../tests/load/team.rs"]
mod team;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Scenario};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.serve {
        Some(role) => served::run(role, &arguments),
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

/// One thread: the other cores are for the server.
fn measure(arguments: &Arguments) -> anyhow::Result<()> {
    files::allow(files::of_connections(arguments.connections))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        if arguments.wants(Scenario::Crowd) {
            println!("{}", crowd::run(arguments).await?);
        }
        if arguments.wants(Scenario::Added) {
            println!("{}", added::run().await?);
        }
        if arguments.wants(Scenario::Forwarded) {
            println!("{}", forwarded::run().await?);
        }
        if arguments.wants(Scenario::Listened) {
            println!("{}", listened::run(arguments).await?);
        }
        Ok(())
    })
}
