//! `harmonic down`.

use std::time::{Duration, Instant};

use anyhow::Context;
use harmonic_launcher::Run;

use crate::cli::Down;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::progress::spinner;
use crate::settings::Settings;
use crate::stop::Stop;

/// Between two looks at the process.
const LOOK: Duration = Duration::from_millis(50);

/// Between two signals to one that should end at once: two at the same moment would count as one.
const INSIST: Duration = Duration::from_millis(250);

/// What a server needs beyond its own grace period to end.
const TO_END: Duration = Duration::from_secs(10);

pub async fn run(
    args: &Down,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let runs = settings.runs.running()?;
    printer.skipped(&runs.skipped);
    let runs = chosen(args, runs.documents)?;
    for run in &runs {
        ask_to_end(run)?;
    }
    for run in &runs {
        let wait = wait(run, args.grace, printer);
        tokio::select! {
            ended = wait => ended?,
            () = stop.asked() => {
                let hint = "`harmonic ps` shows whether it has; `down` again waits for it";
                return Err(Failure::new("not waiting; the team goes on stopping", hint).into());
            }
        }
    }
    Ok(Exit::Ok)
}

/// Which are to end.
fn chosen(args: &Down, mut runs: Vec<Run>) -> Result<Vec<Run>, Failure> {
    if let Some(port) = args.port {
        runs.retain(|run| run.port == port);
    }
    if runs.is_empty() {
        let (what, hint) = match args.port {
            Some(port) => {
                (format!("no team runs on port {port}"), "`harmonic ps` lists those that run")
            }
            None => ("no team runs".to_owned(), "`harmonic up --detach` starts one"),
        };
        return Err(Failure::new(what, hint));
    }
    if runs.len() > 1 && !args.all {
        let ports: Vec<String> = runs.iter().map(|run| run.port.to_string()).collect();
        let what = format!("{} teams run, on the ports {}", runs.len(), ports.join(", "));
        return Err(Failure::new(what, "name one with --port, or stop them with --all"));
    }
    Ok(runs)
}

/// One that has ended meanwhile is what is wanted.
fn ask_to_end(run: &Run) -> anyhow::Result<()> {
    match run.process.ask_to_end() {
        Err(error) if run.process.runs() => {
            Err(error).with_context(|| format!("cannot stop the process {}", run.process.pid))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

async fn wait(run: &Run, grace: Option<u64>, printer: &Printer) -> anyhow::Result<()> {
    let Run { stack, process, .. } = run;
    let pid = process.pid;
    let message = format!("stopping {stack} (process {pid}): answers that run may finish");
    let bar = printer.is_live().then(|| spinner(message));
    let began = Instant::now();
    let patience = grace.map_or(Duration::from_secs(run.grace) + TO_END, Duration::from_secs);
    let mut insisted = None;
    while process.runs() {
        let waited = began.elapsed();
        if waited > patience + TO_END {
            let what = format!("the process {pid} does not end");
            return Err(Failure::new(what, format!("`kill -9 {pid}` ends it")).into());
        }
        let due = insisted.is_none_or(|last: Instant| last.elapsed() >= INSIST);
        // Its own handler has had the first signal by then.
        if waited >= patience.max(INSIST) && due {
            ask_to_end(run)?;
            insisted = Some(Instant::now());
        }
        tokio::time::sleep(LOOK).await;
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let how = if insisted.is_some() { ", and answers were cut off" } else { "" };
    printer.say(&format!("stopped {stack} (process {pid}){how}"));
    Ok(())
}
