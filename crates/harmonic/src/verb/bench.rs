//! `harmonic bench`.

use std::time::Duration;

use harmonic_api::{Client, ClientError};
use harmonic_bench::{BenchConfig, HttpTarget, Levels, Load};
use harmonic_types::{AgentName, BenchRun, Plan};
use serde_json::json;

use crate::cli::Bench;
use crate::door::Door;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::serving::Serving;
use crate::settings::Settings;
use crate::setup::{self, Desk};
use crate::stop::Stop;
use crate::sweep::{Sweep, report};
use crate::{team, view};

/// Levels unless told otherwise.
pub const LEVELS: [u32; 6] = [1, 2, 4, 8, 16, 32];

pub async fn run(
    args: Bench,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    if !args.compare.axes().is_empty() {
        return compare(&args, settings, printer, stop).await;
    }
    let run = match target(&args, settings, printer).await? {
        Some(client) => {
            let load = load_of_target(&client, &args.agent).await?;
            measure(&args, client, load, settings, printer, stop).await?
        }
        None => own_team(&args, settings, printer, stop).await?,
    };
    if args.json {
        printer.json(&run)?;
    } else {
        printer.data(&report(&run, printer.width()))?;
        run.warnings.iter().for_each(|warning| printer.finding(warning));
    }
    let measured = run.series.iter().flat_map(|series| &series.levels).any(|l| l.tok_s.is_some());
    Ok(if measured && !stop.is_asked() { Exit::Ok } else { Exit::Failure })
}

/// Compares settings and keeps the fastest.
async fn compare(
    args: &Bench,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let setups = setup::compare(Desk { args, settings, printer, stop }).await?;
    if args.json {
        printer.json(&json!({"schema": "harmonic.setups/1", "setups": setups}))?;
    } else {
        printer.data(&view::setup::text(&setups, &args.compare.axes()))?;
    }
    Ok(Exit::Ok)
}

/// The server to measure: the one that is named, else the one that runs on our port.
async fn target(
    args: &Bench,
    settings: &Settings,
    printer: &Printer,
) -> anyhow::Result<Option<Client>> {
    if let Some(url) = &args.target {
        return Ok(Some(settings.client(url)?));
    }
    if settings.port == 0 {
        return Ok(None);
    }
    let client = settings.client(&format!("http://127.0.0.1:{}", settings.port))?;
    match client.health().await {
        Ok(()) => {
            let url = client.base_url().to_owned();
            if let Some(stack) = &args.team.stack {
                let named = harmonic_stack::resolve(stack)?;
                let runs = client.models().await?;
                let same = named.agents.iter().all(|agent| runs.contains(&agent.name.0));
                if !same || named.agents.len() != runs.len() {
                    let what = format!("the server at {url} does not serve the stack {stack}");
                    let hint = "stop it to measure that stack, or leave out --stack to measure it";
                    return Err(Failure::new(what, hint).into());
                }
            }
            printer.say(&format!("measuring the server that runs at {url}"));
            Ok(Some(client))
        }
        Err(ClientError::Unreachable { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Who is asked at a server of which only the models' names are known.
async fn load_of_target(client: &Client, wanted: &[AgentName]) -> anyhow::Result<Load> {
    let offered: Vec<AgentName> = client.models().await?.into_iter().map(AgentName).collect();
    let agents = chosen(&offered, wanted)?;
    let names: Vec<&str> = agents.iter().map(|agent| agent.0.as_str()).collect();
    Ok(Load { model: names.join(" + "), agents })
}

/// The agents that are wanted; all where none is named.
fn chosen(offered: &[AgentName], wanted: &[AgentName]) -> Result<Vec<AgentName>, Failure> {
    if let Some(unknown) = wanted.iter().find(|name| !offered.contains(name)) {
        let known: Vec<&str> = offered.iter().map(|name| name.0.as_str()).collect();
        let message = format!("there is no agent `{unknown}` to measure");
        return Err(Failure::new(message, format!("use one of {}", known.join(", "))));
    }
    Ok(if wanted.is_empty() { offered.to_vec() } else { wanted.to_vec() })
}

/// Starts the team on a free port for as long as it is measured.
async fn own_team(
    args: &Bench,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<BenchRun> {
    let hardware = team::hardware()?;
    let stack = team::stack(&args.team, settings)?;
    if args.team.engine.needs_models() {
        team::pull_missing(&stack, settings, &hardware, args.yes, printer, stop).await?;
    }
    let plan = team::plan(&stack, settings, &hardware, &args.team)?;
    let load = load(&plan, &args.agent)?;
    printer.say(&format!("stack {}: {}", plan.stack, view::plan::sharing(&plan)));
    let serving = Serving::start(plan, Door::private(), printer, stop).await?;
    let client = Client::new(&serving.url())?;
    let run = measure(args, client, load, settings, printer, stop).await;
    serving.drain(Duration::ZERO).await?;
    run
}

/// Who is asked at a team of our own.
pub fn load(plan: &Plan, wanted: &[AgentName]) -> anyhow::Result<Load> {
    let placed = plan.agents.iter().filter(|agent| agent.engine.is_some());
    let offered: Vec<AgentName> = placed.map(|agent| agent.name.clone()).collect();
    let agents = chosen(&offered, wanted)?;
    let asked = |engine: &&harmonic_types::EnginePlan| {
        engine.agents.iter().any(|agent| agents.contains(agent))
    };
    let models: Vec<&str> =
        plan.engines.iter().filter(asked).map(|engine| engine.model.as_str()).collect();
    Ok(Load { model: models.join(" + "), agents })
}

async fn measure(
    args: &Bench,
    client: Client,
    load: Load,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<BenchRun> {
    let levels = args.levels.clone().map_or_else(|| Levels::new(LEVELS), Ok)?;
    let preset = if args.quick { BenchConfig::quick } else { BenchConfig::steady };
    let preset = preset(load, levels);
    let config = BenchConfig {
        host: settings.host.clone(),
        trials: args.trials.unwrap_or(preset.trials),
        ..preset
    };
    let sweep = Sweep::on(printer);
    Ok(harmonic_bench::run(&HttpTarget::from(client), &config, &sweep, stop.token()).await?)
}
