//! `harmonic logs`.

use std::time::Duration;

use harmonic_app::team_log::{self, LogReader};
use harmonic_app::{ProcessId, Settings};
use harmonic_process::Stop;
use harmonic_render::{Printer, Progress};

use crate::exit::Exit;
use harmonic_cli::Logs;

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
    if let Some(team) = found.team.as_ref().filter(|_| args.follow) {
        return follow(&mut log, &team.process, printer, stop).await;
    }
    printer.chunk(&log.rest())?;
    if found.team.is_none() {
        printer.message("the team has ended");
    }
    Ok(Exit::Ok)
}

/// Prints new lines until the team ends, or the user wants an end.
async fn follow(
    log: &mut LogReader,
    writer: &ProcessId,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    while !stop.is_requested() {
        // Asked before reading, so that the last lines are not missed.
        let is_running = writer.is_running();
        let lines = log.more()?;
        if !lines.is_empty() {
            printer.chunk(&lines)?;
        } else if is_running {
            // A stop is seen at the beginning of the loop.
            let _stopped = stop.or(tokio::time::sleep(POLL_INTERVAL)).await;
        } else {
            printer.chunk(&log.rest())?;
            printer.message("the team has ended");
            break;
        }
    }
    Ok(Exit::Ok)
}
