//! `harmonic up`.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::time::Duration;

use anyhow::Context;
use harmonic_app::background::{self, Program};
use harmonic_app::listen::ListenConfig;
use harmonic_app::serve::TeamServer;
use harmonic_app::server_choice::port_option;
use harmonic_app::tool_sets::ToolSets;
use harmonic_app::{Instance, Settings, check_local, instances, plan};
use harmonic_process::Stop;
use harmonic_render::endpoint::Endpoint;
use harmonic_render::{self as render, Printer, Progress, spinner};
use harmonic_types::{Finding, Plan, counted};

use super::prepare;
use crate::environment;
use crate::exit::Exit;
use harmonic_cli::Up;

/// Flag of the foreground process and the one it is replaced by for the background process.
const DETACH_FLAG: &str = "--detach";
const LOG_FLAG: &str = "--log-to";

/// Option that names the stack.
const STACK_OPTION: &str = "--stack";

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
    let tools = ToolSets::read(&args.tools.request(), settings)?;
    for (set, servers) in tools.iter().flat_map(ToolSets::servers) {
        let servers = servers.join(", ");
        printer.message(&format!("tool set {set}: a run that names it starts {servers}"));
    }
    let listen = ListenConfig::new(&args.listen.request(port), settings)?.with_tools(tools);
    // Before anything is fetched or loaded.
    listen.check_address().await?;
    let needs_key = listen.needs_key();
    let (plan, is_replaced) = match &args.plan {
        Some(path) => {
            let plan = plan::read(path)?;
            if args.team.local_only {
                check_local(&plan)?;
            }
            for finding in plan::findings(&plan) {
                printer.finding(&finding);
            }
            (plan, false)
        }
        None => prepare::plan(&args.team.request(), settings, args.yes, printer, stop).await?,
    };
    printer.message(&format!("stack {}", plan.stack));
    printer.message(&render::plan::text(&plan, printer.message_width()));
    printer.message(&render::plan::sharing(&plan));
    if args.detach {
        return detach(port, &plan, is_replaced, needs_key, settings, printer, stop).await;
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
    let option = port_option(run.port, settings);
    let ending = match &args.log_to {
        None => format!("Ctrl-C stops it; so does `harmonic down{option}` in another terminal"),
        Some(_) => format!("`harmonic down{option}` stops it"),
    };
    printer.message(&usage(&run, needs_key, &option, &[ending], printer));
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
    printer.message(&match finished + cancelled {
        0 => "stopped: no answer was running".to_owned(),
        running => format!(
            "stopped: {} running, of which {finished} finished and {cancelled} were cut off",
            counted(running, "answer")
        ),
    });
    Ok(Exit::Ok)
}

/// Starts the background process. It gets the same arguments, so that it makes the same `plan`, with
/// another stack if the user chose one; the models are in the store by then.
async fn detach(
    port: u16,
    plan: &Plan,
    is_replaced: bool,
    needs_key: bool,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let (path, mut arguments) = environment::this_program()?;
    arguments.retain(|argument| argument != DETACH_FLAG);
    if is_replaced {
        replace_option(&mut arguments, STACK_OPTION, &plan.stack);
    }
    // The log includes requests.
    arguments.push("--verbose".into());
    let program = Program { path, arguments, log_argument: LOG_FLAG };
    let starting = background::start(port, &program, settings)?;
    let log = starting.log().display();
    printer.message(&format!("starting in the background; log: {log}"));
    let bar = printer.is_live().then(|| spinner(printer, &loading(plan)));
    let run = stop.or(starting.ready(settings)).await;
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    let run = run??;
    printer.data(&run.url)?;
    let option = port_option(run.port, settings);
    let log = format!("`harmonic logs{option}` shows its log");
    let ending = format!("`harmonic down{option}` stops it");
    printer.message(&usage(&run, needs_key, &option, &[log, ending], printer));
    Ok(Exit::Ok)
}

/// What the background process does before it serves.
fn loading(plan: &Plan) -> String {
    let here = plan.engines.iter().filter(|engine| engine.spec.kind().needs_models());
    let models: BTreeSet<&str> = here.map(|engine| engine.model.as_str()).collect();
    match models.into_iter().collect::<Vec<_>>().join(", ").as_str() {
        "" => "starting".to_owned(),
        models => format!("loading {models}"),
    }
}

/// Removes the option `name` with its value, and adds it with `value`.
fn replace_option(arguments: &mut Vec<OsString>, name: &str, value: &str) {
    let mut is_value = false;
    arguments.retain(|argument| {
        let text = argument.to_string_lossy();
        let is_old = std::mem::replace(&mut is_value, text == name);
        let is_joined = text.strip_prefix(name).is_some_and(|rest| rest.starts_with('='));
        !(is_old || is_value || is_joined)
    });
    arguments.extend([name, value].map(OsString::from));
}

fn usage(
    run: &Instance,
    needs_key: bool,
    option: &str,
    endings: &[String],
    printer: &Printer,
) -> String {
    let agents: Vec<&str> = run.agents.iter().map(|agent| agent.name.0.as_str()).collect();
    let endpoint = Endpoint { url: &run.url, agents: &agents, needs_key, option };
    endpoint.text(endings, printer.message_width())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_option_is_there_once() {
        for line in ["up", "up --stack dev -y", "up -y --stack=dev", "up --stack --port -y"] {
            let mut arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            replace_option(&mut arguments, STACK_OPTION, "starter");
            let text = |word: &OsString| word.to_str().unwrap().to_owned();
            let words = arguments.iter().map(text).collect::<Vec<_>>().join(" ");
            let expected = if line.contains("-y") { "up -y" } else { "up" };
            assert_eq!(words, format!("{expected} --stack starter"));
        }
    }
}
