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

/// The argument of who starts a team in the background, and that of the process there.
const HERE: &str = "--detach";
const THERE: &str = "--log-to";

pub async fn run(
    args: &Up,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let port = args.port.unwrap_or(settings.port);
    instances::check_free(port, settings, &Progress::on(printer))?;
    if args.log_to.is_some() {
        background::detach().context("--log-to is for `up --detach` alone")?;
    }
    let listen = ListenConfig::new(&args.listen.request(port), settings)?;
    let needs_key = listen.needs_key();
    let plan = match &args.plan {
        Some(path) => plan::read(path)?,
        None => prepare::plan(&args.team.request(), settings, args.yes, printer, stop).await?,
    };
    printer.say(&format!("stack {}", plan.stack));
    printer.say(&render::plan::text(&plan));
    printer.say(&render::plan::sharing(&plan));
    if args.detach {
        return detach(port, needs_key, settings, printer, stop).await;
    }
    let progress = Progress::on(printer);
    let mut serving = stop.or(TeamServer::start(plan, listen, settings, &progress)).await??;
    drop(progress);
    let run = serving.record(args.grace, args.log_to.clone());
    // Stands until the end, the time of the drain included.
    let _recorded = match settings.instances.record(&run) {
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
        failed = serving.failure() => return Err(failed.into()),
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

/// The process in the background gets the arguments that this one got, so that it makes the same
/// plan: the models that it needs are here by now.
async fn detach(
    port: u16,
    needs_key: bool,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let (path, mut arguments) = environment::this_program()?;
    arguments.retain(|argument| argument != HERE);
    // A log without requests would be of little use.
    arguments.push("--verbose".into());
    let program = Program { path, arguments, log_argument: THERE };
    let starting = background::start(port, &program, settings)?;
    let log = starting.log().display();
    printer.say(&format!("starting in the background; its log is {log}"));
    let bar = printer.is_live().then(|| spinner("starting"));
    let said = |line: &str| {
        if let Some(bar) = &bar {
            bar.set_message(line.to_owned());
        }
    };
    let run = stop.or(starting.ready(settings, said)).await;
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    let run = run??;
    printer.data(&run.url)?;
    let log = run.log.as_ref().map(|log| format!("; its log: {}", log.display()));
    let ending = format!("`harmonic down` stops it{}", log.unwrap_or_default());
    printer.say(&usage(&run, needs_key, &ending));
    Ok(Exit::Ok)
}

fn usage(run: &Instance, needs_key: bool, ending: &str) -> String {
    let agents: Vec<&str> = run.agents.iter().map(|agent| agent.name.0.as_str()).collect();
    render::endpoint::text(&run.url, &agents, needs_key, ending)
}
