//! `harmonic up`.

use std::time::{Duration, SystemTime};

use anyhow::Context;
use harmonic_fsutil::Skipped;
use harmonic_launcher::{ProcessMark, Run, RunAgent, RunError, read_plan};
use harmonic_types::{Finding, Plan};

use crate::cli::Up;
use crate::door::Door;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::serving::Serving;
use crate::settings::Settings;
use crate::stop::Stop;
use crate::{detached, team, view};

pub async fn run(
    args: &Up,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let port = args.port.unwrap_or(settings.port);
    match settings.runs.on(port) {
        Ok(Some(run)) => return Err(taken(&run).into()),
        Ok(None) => {}
        // Whether the port is taken shows when it is bound, and the record is replaced then.
        Err(RunError::Broken { path, reason }) => printer.skipped(&[Skipped { path, reason }]),
        Err(error) => return Err(error.into()),
    }
    if args.log_to.is_some() {
        detached::settle().context("--log-to is for `up --detach` alone")?;
    }
    let door = Door::new(&args.door, port, settings)?;
    let needs_key = door.needs_key();
    let plan = match &args.plan {
        Some(path) => read_plan(path)?,
        None => make(args, settings, printer, stop).await?,
    };
    printer.say(&format!("stack {}", plan.stack));
    printer.say(&view::plan::text(&plan));
    printer.say(&view::plan::sharing(&plan));
    if args.detach {
        return background(port, needs_key, settings, printer, stop).await;
    }
    let mut serving = Serving::start(plan, door, printer, stop).await?;
    let run = record_of(&serving, args);
    // Stands until the end, the time of the drain included.
    let _recorded = match settings.runs.record(&run) {
        Ok(recorded) => Some(recorded),
        Err(error) if args.log_to.is_some() => return Err(error.into()),
        Err(error) => {
            let hint = "`harmonic ps` and `harmonic down` do not know this team; Ctrl-C stops it";
            printer.finding(&Finding::new("run-not-recorded", error.to_string(), hint));
            None
        }
    };
    printer.data(&run.url)?;
    printer.say(&usage(&run, needs_key, "Ctrl-C stops."));
    tokio::select! {
        () = stop.asked() => {}
        failed = serving.failed() => return failed.map(|()| Exit::Unexpected),
    }
    printer.say(&format!(
        "stopping: answers that run get {} s to finish; Ctrl-C again ends at once",
        args.grace
    ));
    let drained = serving.drain(Duration::from_secs(args.grace)).await?;
    let cancelled: u64 = drained.iter().map(|engine| engine.drained.cancelled).sum();
    let finished: u64 = drained.iter().map(|engine| engine.drained.finished).sum();
    printer.say(&format!("stopped: {finished} answers finished, {cancelled} were cut off"));
    Ok(Exit::Ok)
}

async fn make(
    args: &Up,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Plan> {
    let hardware = team::hardware()?;
    let stack = team::stack(&args.team, settings)?;
    if args.team.engine.needs_models() {
        team::pull_missing(&stack, settings, &hardware, args.yes, printer, stop).await?;
    }
    team::plan(&stack, settings, &hardware, &args.team, printer)
}

/// What others learn of this team.
fn record_of(serving: &Serving, args: &Up) -> Run {
    let plan = serving.plan();
    let placed = plan.agents.iter().filter(|agent| agent.engine.is_some());
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Run {
        schema: Run::SCHEMA.to_owned(),
        process: ProcessMark::own(),
        stack: plan.stack.clone(),
        url: serving.url(),
        port: serving.port(),
        since: since.map_or(0, |since| since.as_secs()),
        grace: args.grace,
        log: args.log_to.clone(),
        agents: placed
            .map(|agent| RunAgent { name: agent.name.clone(), slots: agent.slots })
            .collect(),
    }
}

/// The process in the background makes the same plan: the models that it needs are here by now.
async fn background(
    port: u16,
    needs_key: bool,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let run = detached::start(port, &settings.runs, &settings.logs, printer, stop).await?;
    printer.data(&run.url)?;
    let log = run.log.as_ref().map(|log| format!("; its log: {}", log.display()));
    let ending = format!("`harmonic down` stops it{}", log.unwrap_or_default());
    printer.say(&usage(&run, needs_key, &ending));
    Ok(Exit::Ok)
}

fn taken(run: &Run) -> Failure {
    let Run { stack, port, process, .. } = run;
    Failure::new(
        format!("the stack {stack} runs on port {port} already (process {})", process.pid),
        "`harmonic down` stops it; or choose another port with --port",
    )
}

fn usage(run: &Run, needs_key: bool, ending: &str) -> String {
    let agents: Vec<&str> = run.agents.iter().map(|agent| agent.name.0.as_str()).collect();
    view::endpoint::text(&run.url, &agents, needs_key, ending)
}
