//! One module per command: from arguments over `app` to the printer.

mod bench;
mod chat;
mod compare;
mod demo;
mod detect;
mod doctor;
mod down;
mod eval;
mod import;
mod keys;
mod logs;
mod mcp;
mod models;
mod plan;
mod prepare;
mod ps;
mod report;
mod run;
mod runs;
mod stack_team;
mod up;

use harmonic_app::Settings;
use harmonic_process::Stop;
use harmonic_render::Printer;

use crate::exit::Exit;
use harmonic_cli::Command;

/// Runs a command.
///
/// # Errors
/// The command's error.
pub async fn run(
    command: Command,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    match command {
        Command::Detect(args) => detect::run(&args, settings, printer),
        Command::Doctor(args) => doctor::run(&args, settings, printer),
        Command::Models(args) => models::run(args, settings, printer, stop).await,
        Command::Import(args) => import::run(args, settings, printer),
        Command::Plan(args) => plan::run(&args, settings, printer),
        Command::Up(args) => up::run(&args, settings, printer, stop).await,
        Command::Ps(args) => ps::run(&args, settings, printer, stop).await,
        Command::Down(args) => down::run(&args, settings, printer, stop).await,
        Command::Logs(args) => logs::run(&args, settings, printer, stop).await,
        Command::Keys(args) => keys::run(args, settings, printer),
        Command::Chat(args) => chat::run(&args, settings, printer, stop).await,
        Command::Run(args) => run::run(&args, settings, printer, stop).await,
        Command::Runs(args) => runs::run(&args, settings, printer, stop).await,
        Command::Mcp(args) => mcp::run(&args, settings, printer, stop).await,
        Command::Eval(args) => eval::run(&args, settings, printer, stop).await,
        Command::Bench(args) => Box::pin(bench::run(&args, settings, printer, stop)).await,
        Command::Report(args) => report::run(&args, printer),
        Command::Compare(args) => compare::run(&args, printer),
        Command::Demo(args) => Box::pin(demo::run(&args, settings, printer, stop)).await,
    }
}
