//! `harmonic`: a team of local LLM agents from one binary.
//!
//! Owns: nothing but the way from arguments to an exit code. A verb parses, calls the libraries
//! and prints.
#![forbid(unsafe_code)]

mod advice;
mod agree;
#[cfg(target_os = "linux")]
mod allocator;
mod cards;
mod chorus;
mod cli;
mod descriptors;
mod detached;
mod door;
mod early;
mod engines;
mod exit;
mod failure;
mod form_trial;
mod http_threads;
mod keyring;
mod logging;
mod measure;
#[cfg(target_os = "linux")]
mod openmp;
mod printer;
mod progress;
mod puller;
mod serving;
mod settings;
mod stop;
mod sweep;
mod talk;
mod team;
mod tuning;
mod verb;
mod view;
mod watched_keys;
mod what_if;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::settings::Settings;
use crate::stop::Stop;

fn main() -> ExitCode {
    if let Some(code) = form_trial::run_if_asked() {
        return code;
    }
    early::settle();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // `--help` and `--version` come here too, with code 0. A closed pipe is not worth a word.
            let _ = error.print();
            return if error.exit_code() == 0 { Exit::Ok } else { Exit::Usage }.into();
        }
    };
    let printer = Printer::new(cli.quiet);
    // The panic's own message has been printed when this returns.
    let ended = catch_unwind(AssertUnwindSafe(|| run(cli, &printer)));
    match ended {
        Ok(Ok(exit)) => exit.into(),
        Ok(Err(error)) => {
            let exit = Exit::of(&error);
            if exit != Exit::Ok {
                printer.error(&error);
            }
            exit.into()
        }
        Err(_) => Exit::Unexpected.into(),
    }
}

fn run(cli: Cli, printer: &Printer) -> anyhow::Result<Exit> {
    let settings = Settings::read()?;
    logging::start(settings.log.as_deref(), cli.verbose, settings.log_format)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // Dropping the runtime waits for blocking work, which stops at its next step and takes its
    // temporary files with it.
    runtime.block_on(async {
        let stop = Stop::listen()?;
        verb::run(cli.verb, &settings, printer, &stop).await
    })
}
