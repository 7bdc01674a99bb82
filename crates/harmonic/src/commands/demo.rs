//! `harmonic demo`: from an empty machine to seven agents, a scaling curve and a task that they do
//! together, in one command.
//!
//! Owns: the order of the steps and their headings. The steps themselves are those of `up`, `models
//! pull`, `bench` and `run`.

use std::time::{Duration, Instant};

use harmonic_api::Client;
use harmonic_app::fanout::{self, AgentAnswer, AnswerSink};
use harmonic_app::listen::ListenConfig;
use harmonic_app::needed_models::Need;
use harmonic_app::plan;
use harmonic_app::runs::scratch_journals;
use harmonic_app::serve::TeamServer;
use harmonic_app::{Settings, TeamRequest, demo_run, inspect, measure};
use harmonic_follow::{Ending, Form, follow};
use harmonic_process::{Stop, Stopped};
use harmonic_render::lines::{INDENT, indented, labelled};
use harmonic_render::panes::Panes;
use harmonic_render::prefixed_lines::PrefixedLines;
use harmonic_render::{self as render, Printer, Progress};
use harmonic_types::{BenchRun, counted};

use super::prepare::{self, Prepared};
use super::run::failed;
use crate::exit::Exit;
use harmonic_cli::Demo;

const STACK: &str = "starter";

pub async fn run(
    args: &Demo,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let began = Instant::now();
    let width = printer.width().less(INDENT);
    printer.heading("1  This machine")?;
    let hardware = inspect::hardware()?;
    printer.text(&indented(&render::hardware::line(&hardware)))?;

    printer.heading("2  Its model")?;
    let team = TeamRequest { stack: Some(STACK.to_owned()), ..TeamRequest::default() };
    let Prepared { hardware, stack, .. } =
        prepare::stack(&team, Need::Planned, settings, true, printer, stop).await?;
    let plan = plan::plan(&hardware, &stack, &team, settings, &Progress::on(printer))?;
    for engine in &plan.engines {
        let (model, format) = (&engine.model, &engine.format);
        printer.text(&format!("  {model} as {format}, {} of weights", engine.weights_bytes))?;
    }

    printer.heading("3  The team's plan")?;
    printer.text(&indented(&render::plan::team(&plan, width)))?;
    printer.text(&format!("\n{}", indented(&render::plan::memory(&plan, width))))?;
    printer.text(&indented(&labelled("sharing", &render::plan::sharing(&plan), width)))?;

    printer.heading("4  Start")?;
    let progress = Progress::on(printer);
    let (scratch, _journals) = scratch_journals(settings)?;
    let listen = ListenConfig::private().with_runs();
    let starting = TeamServer::start(plan.clone(), listen, &scratch, &progress);
    let serving = stop.or(starting).await??;
    drop(progress);
    printer
        .text(&format!("  serving at {}, each agent is a model of an OpenAI API", serving.url()))?;

    let shown = async {
        let (answers, run) =
            stop.or(measure_team(args, &serving, settings, printer, stop)).await??;
        if stop.is_requested() {
            return Err(Stopped.into());
        }
        printer.heading("7  Summary")?;
        let summary = render::demo::summary(&hardware, &plan, &answers, run.as_ref(), width);
        printer.text(&indented(&summary))?;
        run_together(&serving, settings, printer, stop).await?;
        anyhow::Ok(answers)
    };
    let shown = shown.await;
    serving.drain(Duration::ZERO).await?;
    let answers = shown?;
    let took = Duration::from_secs(began.elapsed().as_secs());
    printer.text(&format!("\n{}", indented(&render::demo::next(&answers, took, width))))?;
    Ok(Exit::Ok)
}

/// Lets the team do one task together, and shows when each did its part.
async fn run_together(
    serving: &TeamServer,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<()> {
    printer.heading("8  One task for the team, done together")?;
    let width = printer.width().less(INDENT);
    printer.text(&indented(&render::demo::task(demo_run::RECIPE, demo_run::GOAL, width)))?;
    let client = Client::new(&serving.url())?;
    let id = stop.or(client.create_run(&demo_run::request())).await??.id;
    let followed = follow(&client, &id, printer, Form::Text, "harmonic runs", stop).await;
    let Ending::Run(record) = followed.map_err(failed)? else { return Err(Stopped.into()) };
    let page = demo_run::page(&record, settings)?;
    printer.text(&format!("\n{}", indented(&render::demo::team_run(&record, &page, width))))?;
    Ok(())
}

/// Asks all agents at once, then measures the team.
async fn measure_team(
    args: &Demo,
    serving: &TeamServer,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<(Vec<AgentAnswer>, Option<BenchRun>)> {
    let client = Client::new(&serving.url())?;
    let questions = fanout::questions(serving.plan());
    let count = questions.len();
    printer.heading(&format!(
        "5  The team: {}, one question each, all at once",
        counted(count, "agent")
    ))?;
    let names = questions.iter().map(|(agent, _)| agent.0.clone());
    let mut stage: Box<dyn AnswerSink> = if printer.is_live() && printer.data_is_live() {
        Box::new(Panes::new(printer, names))
    } else {
        Box::new(PrefixedLines::new(printer, names))
    };
    let answers = fanout::ask_all(&client, &questions, stage.as_mut()).await?;
    drop(stage);
    let width = printer.width().less(INDENT);
    printer.text(&format!("\n{}", indented(&render::answers::text(&answers, width))))?;
    if args.no_bench {
        return Ok((answers, None));
    }
    printer.heading("6  How this machine scales (under a minute)")?;
    let progress = Progress::on(printer);
    let run = measure::quick(serving.plan(), client, settings, &progress, stop.token()).await?;
    Ok((answers, Some(run)))
}
