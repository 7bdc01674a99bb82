//! `harmonic runs`.

use std::time::{SystemTime, UNIX_EPOCH};

use harmonic_api::runs::{RunList, Verdict};
use harmonic_app::run_choice::{choose, choose_approval};
use harmonic_app::server_choice::ChosenServer;
use harmonic_app::{Settings, run_choice};
use harmonic_follow::{Ending, Form, follow};
use harmonic_render::{Printer, Progress, runs};
use harmonic_signals::Stop;
use harmonic_types::RunId;

use super::run::{ended, failed};
use crate::cli::{Runs, RunsCommand};
use crate::exit::Exit;

pub async fn run(
    args: &Runs,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let server = args.server.choice().client(settings, &Progress::on(printer))?;
    match &args.command {
        RunsCommand::Watch { id, json } => {
            let id = stop.or(choose(id, &server.client)).await??;
            let form = if *json { Form::Events } else { Form::Text };
            watch(&id, form, &server, printer, stop).await
        }
        RunsCommand::Resume { id, detach } => {
            let id = stop.or(choose(id, &server.client)).await??;
            stop.or(server.client.resume_run(&id)).await??;
            if *detach {
                printer.data(&id.0)?;
                return Ok(Exit::Ok);
            }
            watch(&id, Form::Text, &server, printer, stop).await
        }
        other => stop.or(act(other, &server, printer)).await?,
    }
}

/// Does what ends at once.
async fn act(
    command: &RunsCommand,
    server: &ChosenServer,
    printer: &Printer,
) -> anyhow::Result<Exit> {
    let client = &server.client;
    match command {
        RunsCommand::List { json } => {
            let listed = client.runs().await?;
            if *json {
                printer.json(&RunList::new(listed))?;
            } else if listed.is_empty() {
                printer.message("no runs; `harmonic run \"…\"` starts one");
            } else {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
                printer.text(&runs::list(&listed, now, printer.width()))?;
            }
        }
        RunsCommand::Show { id, json } => {
            let id = choose(id, client).await?;
            let record = client.run(&id).await?;
            if *json {
                printer.json(&record)?;
            } else {
                let open = client.run_approvals(&id).await?;
                printer.text(&runs::record(&record, &open, printer.width()))?;
            }
        }
        RunsCommand::Approve { id, number } => {
            decide(id, *number, Verdict::Approve, server, printer).await?;
        }
        RunsCommand::Deny { id, number } => {
            decide(id, *number, Verdict::Deny, server, printer).await?;
        }
        RunsCommand::Stop { id } => {
            let id = choose(id, client).await?;
            client.stop_run(&id).await?;
            printer.text(&format!("stopped {id}"))?;
            printer.message(&format!("`harmonic runs{} resume {id}` goes on", server.option));
        }
        RunsCommand::Rm { ids } => {
            for id in run_choice::choose_all(ids, client).await? {
                client.remove_run(&id).await?;
                printer.text(&format!("removed {id}"))?;
            }
        }
        RunsCommand::Watch { .. } | RunsCommand::Resume { .. } => {}
    }
    Ok(Exit::Ok)
}

async fn decide(
    id: &str,
    number: Option<u64>,
    verdict: Verdict,
    server: &ChosenServer,
    printer: &Printer,
) -> anyhow::Result<()> {
    let id = choose(id, &server.client).await?;
    let approval = choose_approval(number, &id, &server.client).await?;
    let left = server.client.decide_run(&id, approval.id, verdict).await?;
    let done = match verdict {
        Verdict::Approve => "approved",
        Verdict::Deny => "denied",
    };
    printer.text(&format!("{done} {}", runs::question(&approval)))?;
    left.iter().for_each(|open| printer.message(&format!("open: {}", runs::question(open))));
    Ok(())
}

async fn watch(
    id: &RunId,
    form: Form,
    server: &ChosenServer,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let command = format!("harmonic runs{}", server.option);
    match follow(&server.client, id, printer, form, &command, stop).await.map_err(failed)? {
        Ending::Run(_) if form == Form::Events => Ok(Exit::Ok),
        Ending::Run(record) => ended(&record, false, &command, printer),
        Ending::Interrupted => {
            printer.message(&format!("the run goes on; `{command} stop {id}` stops it"));
            Ok(Exit::Ok)
        }
    }
}
