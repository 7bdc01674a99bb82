//! `harmonic run`.

use std::fs;
use std::io::{self, IsTerminal, Read};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use harmonic_api::Client;
use harmonic_api::runs::CreateRun;
use harmonic_app::listen::ListenConfig;
use harmonic_app::serve::TeamServer;
use harmonic_app::server_choice::{ChosenServer, serving};
use harmonic_app::{Settings, TeamRequest};
use harmonic_follow::{Ending, FollowError, Form, follow};
use harmonic_render::{Printer, Progress, runs};
use harmonic_signals::Stop;
use harmonic_types::{RunId, RunRecord, RunState, TaskGraph};

use super::prepare;
use crate::cli::Run;
use crate::error::CliError;
use crate::exit::Exit;

/// Largest file that is read as a recipe, a plan or a brief, in bytes.
const MAX_FILE: u64 = 1 << 20;

pub async fn run(
    args: &Run,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let wanted = wanted(args)?;
    let progress = Progress::on(printer);
    let Some(stack) = &args.stack else {
        let server = args.server.choice().client(settings, &progress)?;
        drop(progress);
        return start(args, &wanted, &server, printer, stop).await;
    };
    if let Some(server) = serving(stack, settings, &progress)? {
        drop(progress);
        return start(args, &wanted, &server, printer, stop).await;
    }
    let team = TeamRequest { stack: Some(stack.clone()), ..TeamRequest::default() };
    let (plan, _) = prepare::plan(&team, settings, args.yes, printer, stop).await?;
    let starting = TeamServer::start(plan, ListenConfig::private(), settings, &progress);
    let team = stop.or(starting).await??;
    drop(progress);
    let option = String::new();
    let server = ChosenServer { client: Client::new(&team.url())?, option };
    let ended = start(args, &wanted, &server, printer, stop).await;
    team.drain(Duration::ZERO).await?;
    ended
}

/// Starts the run and follows it.
async fn start(
    args: &Run,
    wanted: &CreateRun,
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
    let form = if args.json { Form::Record } else { Form::Text };
    match follow(&server.client, &id, printer, form, &command, stop).await.map_err(failed)? {
        Ending::Run(record) => ended(&record, args.json, &command, printer),
        Ending::Interrupted => {
            printer.message("stopping the run; Ctrl-C again exits at once");
            server.client.stop_run(&id).await?;
            Err(stopped(args, &id, &command).into())
        }
    }
}

/// The error itself, whose remedy and exit code are found by its type.
pub fn failed(error: FollowError) -> anyhow::Error {
    match error {
        FollowError::Client(error) => error.into(),
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

/// The run that the arguments ask for.
fn wanted(args: &Run) -> anyhow::Result<CreateRun> {
    let goal = match &args.task {
        Some(task) => task.clone(),
        None if io::stdin().is_terminal() => String::new(),
        None => read(io::stdin(), "the task from stdin")?.trim().to_owned(),
    };
    if goal.trim().is_empty() {
        let hint = "pass it as an argument: harmonic run \"…\"";
        return Err(CliError::new("no task", hint).into());
    }
    let is_file = |recipe: &&String| recipe.contains(['/', '\\']) || recipe.ends_with(".toml");
    let recipe_file = args.recipe.as_ref().filter(is_file);
    let plan = args.plan.as_ref().map(|path| {
        let text = file(path, "the plan")?;
        serde_json::from_str::<TaskGraph>(&text).with_context(|| {
            format!("invalid plan {}: expected harmonic.task-graph/1", path.display())
        })
    });
    Ok(CreateRun {
        goal,
        brief: args.brief.as_ref().map(|path| file(path, "the brief")).transpose()?,
        mode: args.mode(),
        recipe: args.recipe.clone().filter(|recipe| !is_file(&recipe)),
        recipe_toml: recipe_file.map(|path| file(Path::new(path), "the recipe")).transpose()?,
        plan: plan.transpose()?,
        budget: args.budget(),
        ask: Some(args.ask.into()),
        background: args.background,
    })
}

fn file(path: &Path, what: &str) -> anyhow::Result<String> {
    let what = format!("{what} {}", path.display());
    let opened = fs::File::open(path).with_context(|| format!("cannot read {what}"))?;
    read(opened, &what)
}

fn read(from: impl Read, what: &str) -> anyhow::Result<String> {
    let mut text = String::new();
    let count = from
        .take(MAX_FILE + 1)
        .read_to_string(&mut text)
        .with_context(|| format!("cannot read {what}: expected UTF-8"))?;
    if count as u64 > MAX_FILE {
        let hint = format!("expected at most {MAX_FILE} bytes");
        return Err(CliError::new(format!("{what} is too long"), hint).into());
    }
    Ok(text)
}
