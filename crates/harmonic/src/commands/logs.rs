//! `harmonic logs`.

use std::time::Duration;

use harmonic_app::Settings;
use harmonic_app::team_log::{self, LogReader};
use harmonic_render::{Printer, Progress};

use crate::cli::Logs;
use crate::exit::Exit;
use crate::stop::Stop;

/// Interval between two looks at the log.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

pub async fn run(
    args: &Logs,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let found = team_log::find(args.port, settings, &Progress::on(printer))?;
    let mut log = LogReader::open(&found.path)?;
    printer.message(&format!("log: {}", found.path.display()));
    let tail = log.tail(args.lines)?;
    if tail.is_cut {
        printer.message("earlier lines are left out: the log is too long");
    }
    printer.chunk(&tail.text)?;
    let Some(team) = found.team else {
        printer.chunk(&log.rest())?;
        printer.message("the team has ended");
        return Ok(Exit::Ok);
    };
    while args.follow {
        // Asked before reading, so that the last lines are not missed.
        let is_running = team.process.is_running();
        let lines = log.more()?;
        if !lines.is_empty() {
            printer.chunk(&lines)?;
        } else if !is_running {
            printer.chunk(&log.rest())?;
            printer.message("the team has ended");
            break;
        } else {
            tokio::select! {
                () = stop.requested() => break,
                () = tokio::time::sleep(POLL_INTERVAL) => {}
            }
        }
        if stop.is_requested() {
            break;
        }
    }
    if !args.follow {
        printer.chunk(&log.rest())?;
    }
    Ok(Exit::Ok)
}
