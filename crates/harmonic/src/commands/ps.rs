//! `harmonic ps`.

use std::time::{Duration, Instant};

use harmonic_app::instances::{self, TeamStatus};
use harmonic_app::server_choice::port_option;
use harmonic_app::watch::{UpdateDocument, Watch};
use harmonic_app::{ServerChoice, Settings};
use harmonic_process::Stop;
use harmonic_render::{self as render, Printer, Progress};
use tokio::time::interval;

use crate::exit::Exit;
use harmonic_cli::Ps;

/// Between two drawings while no event comes: rates go out of date.
const REDRAW: Duration = Duration::from_secs(1);

pub async fn run(
    args: &Ps,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    if args.watch {
        return watch(args, settings, printer, stop).await;
    }
    let running = instances::status(args.port, settings, &Progress::on(printer)).await?;
    if args.json {
        printer.json(&running)?;
    } else if running.teams.is_empty() {
        printer.message("no team is running; `harmonic up --detach` starts one");
    } else {
        printer.text(&render::instances::text(&running.teams, printer.width()))?;
        if let Some(leaving) = render::instances::leaving(&running.teams, printer.width()) {
            printer.text(&leaving)?;
        }
        let option = |team: &TeamStatus| port_option(team.port, settings);
        printer.message(&render::instances::next(&running.teams, option, printer.width()));
    }
    Ok(Exit::Ok)
}

/// Shows what happens in one team until it ends, or the user wants an end.
async fn watch(
    args: &Ps,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let choice = ServerChoice::new(args.port, args.url.as_deref());
    let server = choice.client(settings, &Progress::on(printer))?;
    let mut team = stop.or(Watch::start(&server.client)).await??;
    let live = printer.data_is_live() && !args.json;
    let mut redraw = interval(REDRAW);
    let mut drawn = 0;
    loop {
        let update = tokio::select! {
            () = stop.requested() => return Ok(Exit::Ok),
            update = team.next() => update?,
            _ = redraw.tick(), if live => {
                drawn = draw(&team, printer, drawn)?;
                continue;
            }
        };
        let Some(update) = update else {
            printer.message("the team has ended");
            return Ok(Exit::Ok);
        };
        if args.json {
            printer.data(&serde_json::to_string(&UpdateDocument::from(&update))?)?;
        } else if live {
            drawn = draw(&team, printer, drawn)?;
        } else {
            render::watch::lines(&update).iter().try_for_each(|line| printer.data(line))?;
        }
    }
}

fn draw(team: &Watch, printer: &Printer, above: usize) -> std::io::Result<usize> {
    let shown = render::watch::text(team.state(), Instant::now(), printer.width());
    printer.redraw(above, &shown)
}
