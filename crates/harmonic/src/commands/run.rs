//! `harmonic run`.

use std::io::{self, IsTerminal};

use harmonic_api::runs::{ClientTool, CreateRun};
use harmonic_app::server_choice::ChosenServer;
use harmonic_app::tool_offer::ToolOffer;
use harmonic_app::{Settings, run_request};
use harmonic_follow::{Ending, FollowError, Form, first_note, follow};
use harmonic_process::Stop;
use harmonic_render::{Printer, Progress, runs};
use harmonic_types::{RunId, RunRecord, RunState};

use super::stack_team::StackTeam;
use crate::error::CliError;
use crate::exit::Exit;
use harmonic_cli::Run;

pub async fn run(
    args: &Run,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let mut wanted = args.options().request(&task(args)?)?;
    let offer = stop.or(ToolOffer::open(&args.offer.request(), settings)).await??;
    if let Some(offer) = &offer {
        wanted.client_tools = offer.specs().into_iter().map(ClientTool::from).collect();
        for left_out in offer.left_out() {
            printer.message(&left_out);
        }
    }
    let Some(stack) = &args.stack else {
        let server = args.server.choice().client(settings, &Progress::on(printer))?;
        return start(args, &wanted, offer, &server, printer, stop).await;
    };
    let team = StackTeam::open(stack, args.yes, settings, printer, stop).await?;
    let ended = start(args, &wanted, offer, &team.server, printer, stop).await;
    team.end().await?;
    ended
}

/// Starts the run, offers it the tools of this process, and follows it.
async fn start(
    args: &Run,
    wanted: &CreateRun,
    offer: Option<ToolOffer>,
    server: &ChosenServer,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let goal = &wanted.goal;
    // As in Ollama's `run MODEL`.
    if !goal.contains(char::is_whitespace) && stop.or(server.client.models()).await??.contains(goal)
    {
        let hint = format!("`harmonic chat {goal}{}` chats with it", server.option);
        return Err(CliError::new(format!("`{goal}` is an agent, and no task"), hint).into());
    }
    let id = stop.or(server.client.create_run(wanted)).await??.id;
    let command = format!("harmonic runs{}", server.option);
    if args.detach {
        printer.data(&id.0)?;
        printer.message(&format!("`{command} watch {id}` shows how it goes on"));
        return Ok(Exit::Ok);
    }
    printer.message(&format!("run {id}"));
    if let Some(note) = stop.or(first_note(&server.client, &id)).await?.map_err(failed)? {
        printer.message(&format!("note: {note}"));
    }
    let form = if args.json { Form::Record } else { Form::Text };
    let offering = offer.map(|offer| offer.begin(server.client.clone(), id.clone()));
    let ending = follow(&server.client, &id, printer, form, &command, stop).await;
    if matches!(ending, Ok(Ending::Interrupted)) {
        printer.message("stopping the run; Ctrl-C again exits at once");
        server.client.stop_run(&id).await?;
    }
    // Its last calls were answered, or cancelled by the stop.
    if let Some(offering) = offering {
        offering.end().await;
    }
    match ending.map_err(failed)? {
        Ending::Run(record) => ended(&record, args.json, &command, printer),
        Ending::Interrupted => Err(stopped(args, &id, &command).into()),
    }
}

/// The error itself, whose remedy and exit code are found by its type.
pub fn failed(error: FollowError) -> anyhow::Error {
    match error {
        FollowError::Client(error) => error.into(),
        FollowError::App(error) => error.into(),
        FollowError::Output(error) => error.into(),
    }
}

/// Prints what the answer does not say.
pub fn ended(
    record: &RunRecord,
    json: bool,
    command: &str,
    printer: &Printer,
) -> anyhow::Result<Exit> {
    if json {
        printer.json(record)?;
    } else {
        printer.message(&format!("{}: {}", runs::state(&record.state), runs::cost(record)));
    }
    match &record.state {
        RunState::Done => Ok(Exit::Ok),
        RunState::Stopped | RunState::Running | RunState::WaitingForApproval => {
            printer.message(&format!("`{command} resume {}` goes on", record.id));
            Ok(Exit::Failure)
        }
        RunState::Partial { .. } | RunState::Failed { .. } => Ok(Exit::Failure),
    }
}

/// The run `id` was stopped by the user.
fn stopped(args: &Run, id: &RunId, command: &str) -> CliError {
    let resume = format!("`{command} resume {id}` goes on");
    let hint = match &args.stack {
        Some(stack) => format!("`harmonic up --detach --stack {stack}`, then {resume}"),
        None => resume,
    };
    CliError::new("the run was stopped", hint)
}

/// The task: of the arguments, else of stdin.
fn task(args: &Run) -> anyhow::Result<String> {
    match &args.task {
        Some(task) => Ok(task.clone()),
        None if io::stdin().is_terminal() => Ok(String::new()),
        None => Ok(run_request::text(io::stdin(), "the task on stdin")?.trim().to_owned()),
    }
}
