//! `harmonic`: the command line program.
//!
//! Owns: the way from arguments to an exit code. A command parses, calls `app` and renders.
#![forbid(unsafe_code)]

mod commands;
mod environment;
mod error;
mod exit;
mod form_trial;
mod guard_process;
mod help;
mod log_lines;
mod logging;
mod tool_helper;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use harmonic_process::Stop;
use harmonic_render::Printer;

use crate::environment::Environment;
use crate::exit::Exit;
use harmonic_cli::Cli;

fn main() -> ExitCode {
    if let Some(code) = form_trial::run_if_requested() {
        return code;
    }
    if let Some(code) = tool_helper::run_if_requested() {
        return code;
    }
    if let Some(code) = guard_process::run_if_requested() {
        return code;
    }
    harmonic_process::with_settings();
    let columns = environment::columns();
    let cli = match help::parse(&Printer::new(false, columns)) {
        Ok(cli) => cli,
        Err(exit) => return exit.into(),
    };
    let printer = Printer::new(cli.quiet, columns);
    // The panic's own message has been printed when this returns.
    let ended = catch_unwind(AssertUnwindSafe(|| run(cli, &printer)));
    match ended {
        Ok(Ok(exit)) => exit.into(),
        Ok(Err(error)) => {
            let exit = Exit::of(&error);
            if exit != Exit::Ok {
                printer.error(error.as_ref(), error::hint(&error).as_deref());
            }
            exit.into()
        }
        Err(_) => Exit::Unexpected.into(),
    }
}

fn run(cli: Cli, printer: &Printer) -> anyhow::Result<Exit> {
    let Environment { settings, log, log_format } = Environment::read()?;
    logging::start(log.as_deref(), cli.verbose, log_format)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // Dropping the runtime waits for blocking work, which stops at its next step and deletes its
    // temporary files.
    runtime.block_on(async {
        let stop = Stop::listen()?;
        Box::pin(commands::run(cli.command, &settings, printer, &stop)).await
    })
}
