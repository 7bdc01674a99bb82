//! `harmonic runs`.

use harmonic_api::runs::Verdict;
use harmonic_app::Settings;
use harmonic_app::run_choice::choose;
use harmonic_app::server_choice::ChosenServer;
use harmonic_app::tool_offer::ToolOffer;
use harmonic_follow::{Ending, FollowError, Form, follow, resume, tell_absence, verbs};
use harmonic_process::Stop;
use harmonic_render::{Printer, Progress};
use harmonic_report::run as documents;
use harmonic_types::{RunId, RunRecord};

use super::run::{ended, failed};
use crate::exit::Exit;
use harmonic_cli::{ExportFormat, Runs, RunsCommand};

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
            stop.or(tell_absence(&id, &server, printer)).await?.map_err(failed)?;
            watch(&id, form, &server, printer, stop).await
        }
        RunsCommand::Resume { id, offer, detach } => {
            let id = stop.or(choose(id, &server.client)).await??;
            let offer = stop.or(ToolOffer::open(&offer.request(), settings)).await??;
            let resuming = resume(&id, offer, &server, printer);
            let offering = stop.or(resuming).await?.map_err(failed)?;
            if *detach {
                printer.data(&id.0)?;
                return Ok(Exit::Ok);
            }
            let watched = watch(&id, Form::Text, &server, printer, stop).await;
            if let Some(offering) = offering {
                offering.end().await;
            }
            watched
        }
        other => stop.or(act(other, &server, printer)).await?.map_err(failed),
    }
}

/// Does what ends at once.
async fn act(
    command: &RunsCommand,
    server: &ChosenServer,
    printer: &Printer,
) -> Result<Exit, FollowError> {
    match command {
        RunsCommand::List { json } => verbs::list(server, *json, printer).await?,
        RunsCommand::Show { id, json } => verbs::show(id, *json, server, printer).await?,
        RunsCommand::Approve { id, number } => {
            verbs::decide(id, *number, Verdict::Approve, server, printer).await?;
        }
        RunsCommand::Deny { id, number } => {
            verbs::decide(id, *number, Verdict::Deny, server, printer).await?;
        }
        RunsCommand::Replay { id, json } => {
            let is_same = verbs::replay(id, *json, server, printer).await?;
            return Ok(if is_same { Exit::Ok } else { Exit::Failure });
        }
        RunsCommand::Export { id, format, out } => {
            verbs::export(id, document(*format), out.as_deref(), server, printer).await?;
        }
        RunsCommand::Stop { id } => verbs::stop(id, server, printer).await?,
        RunsCommand::Rm { ids } => verbs::remove(ids, server, printer).await?,
        RunsCommand::Watch { .. } | RunsCommand::Resume { .. } => {}
    }
    Ok(Exit::Ok)
}

fn document(format: ExportFormat) -> fn(&RunRecord) -> String {
    match format {
        ExportFormat { html: true, .. } => documents::html,
        ExportFormat { md: true, .. } => documents::markdown,
        ExportFormat { .. } => documents::otel,
    }
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
