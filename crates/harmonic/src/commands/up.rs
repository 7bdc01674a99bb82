//! `harmonic up`.

use std::time::Duration;

use anyhow::Context;
use harmonic_app::background::{self, Program};
use harmonic_app::listen::ListenConfig;
use harmonic_app::serve::TeamServer;
use harmonic_app::{Instance, Settings, instances, plan};
use harmonic_render::{self as render, Printer, Progress, spinner};
use harmonic_types::Finding;

use super::prepare;
use crate::cli::Up;
use crate::environment;
use crate::exit::Exit;
use crate::stop::Stop;

/// Flag of the foreground process and the one it is replaced by for the background process.
const DETACH_FLAG: &str = "--detach";
const LOG_FLAG: &str = "--log-to";

pub async fn run(
    args: &Up,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let port = args.port.unwrap_or(settings.port);
    instances::check_free(port, settings, &Progress::on(printer))?;
    if args.log_to.is_some() {
        background::detach().context("--log-to is reserved for `up --detach`")?;
    }
    let listen = ListenConfig::new(&args.listen.request(port), settings)?;
    let needs_key = listen.needs_key();
    let plan = match &args.plan {
        Some(path) => plan::read(path)?,
        None => prepare::plan(&args.team.request(), settings, args.yes, printer, stop).await?,
    };
    printer.message(&format!("stack {}", plan.stack));
    printer.message(&render::plan::text(&plan, printer.message_width()));
    printer.message(&render::plan::sharing(&plan));
    if args.detach {
        return detach(port, needs_key, settings, printer, stop).await;
    }
    let progress = Progress::on(printer);
    let mut serving = stop.or(TeamServer::start(plan, listen, settings, &progress)).await??;
    drop(progress);
    let run = serving.record(args.grace, args.log_to.clone());
    // Kept until the end, including the drain.
    let _recorded = match settings.instances.record(&run) {
        Ok(recorded) => Some(recorded),
        Err(error) if args.log_to.is_some() => return Err(error.into()),
        Err(error) => {
            let hint =
                "`harmonic ps` and `harmonic down` do not find this team; stop it with Ctrl-C";
            printer.finding(&Finding::new("run-not-recorded", error.to_string(), hint));
            None
        }
    };
    printer.data(&run.url)?;
    printer.message(&usage(&run, needs_key, "Ctrl-C stops."));
    tokio::select! {
        () = stop.requested() => {}
        failed = serving.failure() => return Err(failed.into()),
    }
    printer.message(&format!(
        "stopping: running answers have {} s to finish; Ctrl-C again exits immediately",
        args.grace
    ));
    let drained = serving.drain(Duration::from_secs(args.grace)).await?;
    let cancelled: u64 = drained.iter().map(|engine| engine.drained.cancelled).sum();
    let finished: u64 = drained.iter().map(|engine| engine.drained.finished).sum();
    printer.message(&format!("stopped: {finished} answers finished, {cancelled} were cut off"));
    Ok(Exit::Ok)
}

/// Starts the background process. It gets the same arguments, so that it makes the same plan; the
/// models are in the store by then.
async fn detach(
    port: u16,
    needs_key: bool,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let (path, mut arguments) = environment::this_program()?;
    arguments.retain(|argument| argument != DETACH_FLAG);
    // The log includes requests.
    arguments.push("--verbose".into());
    let program = Program { path, arguments, log_argument: LOG_FLAG };
    let starting = background::start(port, &program, settings)?;
    let log = starting.log().display();
    printer.message(&format!("starting in the background; log: {log}"));
    let bar = printer.is_live().then(|| spinner(printer, "starting"));
    let on_line = |line: &str| {
        if let Some(bar) = &bar {
            bar.set_message(line);
        }
    };
    let run = stop.or(starting.ready(settings, on_line)).await;
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    let run = run??;
    printer.data(&run.url)?;
    let log = run.log.as_ref().map(|log| format!("; log: {}", log.display()));
    let stop_hint = format!("`harmonic down` stops it{}", log.unwrap_or_default());
    printer.message(&usage(&run, needs_key, &stop_hint));
    Ok(Exit::Ok)
}

fn usage(run: &Instance, needs_key: bool, stop_hint: &str) -> String {
    let agents: Vec<&str> = run.agents.iter().map(|agent| agent.name.0.as_str()).collect();
    render::endpoint::text(&run.url, &agents, needs_key, stop_hint)
}
