//! `harmonic bench`.

use harmonic_app::measure::{self, BenchRequest, Session, save};
use harmonic_app::{Settings, TeamRequest, inspect, plan, tune};
use harmonic_process::Stop;
use harmonic_render::{self as render, Printer, Progress};
use harmonic_types::{BenchRun, EngineChoice};
use serde_json::json;

use super::prepare::{self, Prepared};
use crate::error::CliError;
use crate::exit::Exit;
use harmonic_cli::{Bench, Protocol};

pub async fn run(
    args: &Bench,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    if !args.compare.axes().is_empty() {
        return Box::pin(compare(args, settings, printer, stop)).await;
    }
    if !args.rate.is_empty() && args.protocol != Protocol::Open {
        let hint = "add --protocol open, or use --levels for parallel streams";
        return Err(CliError::new("--rate requires --protocol open", hint).into());
    }
    let request = args.request();
    let session = stop.or(Box::pin(open(args, &request, settings, printer, stop))).await??;
    if args.save
        && let Err(refused) = session.check_savable()
    {
        session.close().await?;
        return Err(refused.into());
    }
    let measured = match &args.against {
        None => measure_one(args, &request, &session, settings, printer, stop).await,
        Some(url) => measure_pair(args, &request, &session, url, settings, printer, stop).await,
    };
    session.close().await?;
    let complete = measured?;
    Ok(if complete && !stop.is_requested() { Exit::Ok } else { Exit::Failure })
}

/// Session with a simulated team by `--simulate`, else with the server of `--target` or `--port`, else
/// with the team that runs on the configured port, else with a team started on a free port.
async fn open(
    args: &Bench,
    request: &BenchRequest,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Session> {
    let progress = Progress::on(printer);
    if let Some(profile) = &args.simulate {
        let team = TeamRequest { engine: Some(EngineChoice::Sim), ..args.team.request() };
        let stack = team.resolve(settings)?;
        let plan = plan::plan(&inspect::machine(profile)?, &stack, &team, settings, &progress)?;
        return Ok(Session::start(plan, request, settings, &progress).await?);
    }
    let (chosen, named) = (args.server(), args.team.stack.as_deref());
    if let Some(client) = measure::running(&chosen, named, settings, &progress).await? {
        if args.team.context.is_some() || !args.team.slots.is_empty() {
            let what = format!(
                "a team is running at {} with its own contexts and slots",
                client.base_url()
            );
            let hint = "stop it with `harmonic down`, or leave out --context and --slots";
            return Err(CliError::new(what, hint).into());
        }
        if let Some(engine) = &args.team.engine {
            let what = format!(
                "a team is running at {} with its own engines, and {engine} is to be measured",
                client.base_url()
            );
            let hint = "stop it with `harmonic down`, or leave out --engine";
            return Err(CliError::new(what, hint).into());
        }
        return Ok(Session::attach(client, request, settings).await?);
    }
    let (plan, _) = prepare::plan(&args.team.request(), settings, args.yes, printer, stop).await?;
    Ok(Session::start(plan, request, settings, &progress).await?)
}

/// Measures the session's server. Returns whether there are any figures.
async fn measure_one(
    args: &Bench,
    request: &BenchRequest,
    session: &Session,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<bool> {
    let progress = Progress::on(printer);
    let run = measure::run(request, session, settings, &progress, stop.token()).await?;
    drop(progress);
    if args.json {
        printer.json(&run)?;
    } else {
        printer.text(&render::bench::report(&run, printer.width()))?;
        run.warnings.iter().for_each(|warning| printer.finding(warning));
    }
    store(args, &run, settings, printer)?;
    Ok(measure::has_figures(&run))
}

/// Writes the record's directory, and the curve with `--save`.
fn store(
    args: &Bench,
    run: &BenchRun,
    settings: &Settings,
    printer: &Printer,
) -> anyhow::Result<()> {
    if !args.no_out {
        let began = run.began_unix_ms.unwrap_or_default();
        let folder = args.out.clone().unwrap_or_else(|| save::new_folder(settings, began));
        if let Some(left_out) = save::folder(run, &folder)? {
            printer.message(&left_out);
        }
        printer.message(&format!("saved in {}: see report.html", folder.display()));
    }
    if args.save {
        for path in save::curves(run, args.force, settings)? {
            printer.message(&format!("the next plan uses the curve {}", path.display()));
        }
    }
    Ok(())
}

/// Measures the session's server and another one in alternation.
async fn measure_pair(
    args: &Bench,
    request: &BenchRequest,
    session: &Session,
    url: &str,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<bool> {
    let other = stop.or(Session::attach(settings.client(url)?, request, settings)).await??;
    let progress = Progress::on(printer);
    let sessions = [session, &other];
    let compared =
        measure::ab_compare(request, sessions, settings, &progress, stop.token()).await?;
    drop(progress);
    let (first, second) = (&compared.first, &compared.second);
    if args.json {
        printer.json(&render::ab_compare::json(&compared))?;
    } else {
        printer.text(&render::ab_compare::text(&compared, printer.width()))?;
        compared.warnings().iter().for_each(|warning| printer.finding(warning));
    }
    if let Some(folder) = args.out.as_ref().filter(|_| !args.no_out) {
        for (run, name) in [(first, "first"), (second, "second")] {
            if let Some(left_out) = save::folder(run, &folder.join(name))? {
                printer.message(&left_out);
            }
        }
        printer.message(&format!("saved in {}: first and second", folder.display()));
    }
    Ok(measure::has_figures(first) && measure::has_figures(second))
}

/// Compares settings and saves the fastest.
async fn compare(
    args: &Bench,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let (request, team) = (args.tuning(), args.team.request());
    tune::check(&request, &team)?;
    let Prepared { hardware, stack, .. } =
        prepare::stack(&team, settings, args.yes, printer, stop).await?;
    let progress = Progress::on(printer);
    let tuned = tune::tune(&request, &hardware, &stack, &team, settings, &progress, stop.token());
    let tuned = Box::pin(tuned).await?;
    drop(progress);
    if args.json {
        printer.json(&json!({"schema": "harmonic.setups/1", "setups": tuned}))?;
    } else {
        printer.text(&render::tuned::text(&tuned, &request.axes, printer.width()))?;
    }
    Ok(Exit::Ok)
}
