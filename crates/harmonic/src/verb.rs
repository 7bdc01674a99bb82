//! What each verb does.

mod bench;
mod chat;
mod compare;
mod demo;
mod detect;
mod doctor;
mod down;
mod keys;
mod models;
mod plan;
pub mod ps;
mod report;
mod up;

use crate::cli::Verb;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::settings::Settings;
use crate::stop::Stop;

/// Does what was asked.
///
/// # Errors
/// Why it was not done.
pub async fn run(
    verb: Verb,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    match verb {
        Verb::Detect(args) => detect::run(&args, settings, printer),
        Verb::Doctor(args) => doctor::run(&args, settings, printer),
        Verb::Models(args) => models::run(args, settings, printer, stop).await,
        Verb::Plan(args) => plan::run(&args, settings, printer),
        Verb::Up(args) => up::run(&args, settings, printer, stop).await,
        Verb::Ps(args) => ps::run(&args, settings, printer).await,
        Verb::Down(args) => down::run(&args, settings, printer, stop).await,
        Verb::Keys(args) => keys::run(args, settings, printer),
        Verb::Chat(args) => chat::run(&args, settings, printer, stop).await,
        Verb::Bench(args) => bench::run(&args, settings, printer, stop).await,
        Verb::Report(args) => report::run(&args, printer),
        Verb::Compare(args) => compare::run(&args, printer),
        Verb::Demo(args) => demo::run(&args, settings, printer, stop).await,
    }
}
