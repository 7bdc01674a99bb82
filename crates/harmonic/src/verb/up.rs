//! `harmonic up`.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use harmonic_types::Plan;

use crate::cli::Up;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::serving::Serving;
use crate::settings::Settings;
use crate::stop::Stop;
use crate::{team, view};

pub async fn run(
    args: &Up,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let plan = match &args.plan {
        Some(path) => read(path)?,
        None => make(args, settings, printer, stop).await?,
    };
    printer.say(&format!("stack {}", plan.stack));
    printer.say(&view::plan::text(&plan));
    printer.say(&view::plan::sharing(&plan));
    let address = SocketAddr::new(args.host, args.port.unwrap_or(settings.port));
    let mut serving = Serving::start(plan, address, printer, stop).await?;
    printer.data(&serving.url())?;
    printer.say(&usage(&serving));
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
    team::plan(&stack, settings, &hardware, &args.team)
}

fn read(path: &Path) -> anyhow::Result<Plan> {
    let name = path.display();
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the plan file {name}"))?;
    let plan: Plan = serde_json::from_str(&text)
        .with_context(|| format!("{name} is not a plan as `harmonic plan --json` prints it"))?;
    if plan.schema != Plan::SCHEMA {
        let message = format!("{name} has the schema `{}`, not `{}`", plan.schema, Plan::SCHEMA);
        let hint = "make it again with this version's `harmonic plan --json`";
        return Err(Failure::new(message, hint).into());
    }
    Ok(plan)
}

/// What to do with the endpoint.
fn usage(serving: &Serving) -> String {
    let (url, plan) = (serving.url(), serving.plan());
    let placed = || plan.agents.iter().filter(|agent| agent.engine.is_some());
    let agents: Vec<&str> = placed().map(|agent| agent.name.0.as_str()).collect();
    let first = agents.iter().find(|name| **name == "coder").or(agents.first()).unwrap_or(&"");
    format!(
        r#"
serving at {url} (OpenAI API: {url}/v1, any key); each agent is a model:
  {}

  curl -N {url}/v1/chat/completions -H 'Content-Type: application/json' \
    -d '{{"model":"{first}","stream":true,"messages":[{{"role":"user","content":"Hello"}}]}}'

Ctrl-C stops."#,
        agents.join(", ")
    )
}
