//! `harmonic ps`.

use harmonic_app::{Settings, instances};
use harmonic_render::{self as render, Printer, Progress};

use crate::cli::Ps;
use crate::exit::Exit;

pub async fn run(args: &Ps, settings: &Settings, printer: &Printer) -> anyhow::Result<Exit> {
    let running = instances::status(settings, &Progress::on(printer)).await?;
    if args.json {
        printer.json(&running)?;
    } else if running.teams.is_empty() {
        printer.message("no team is running; `harmonic up --detach` starts one");
    } else {
        printer.data(&render::instances::text(&running.teams))?;
    }
    Ok(Exit::Ok)
}
