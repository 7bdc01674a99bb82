//! `harmonic demo`: one command from nothing to seven agents and a scaling curve.
//!
//! Owns: the order of the scenes and the words between them. What happens in them is what `up`,
//! `models pull` and `bench` do too: nothing is staged.

use std::time::{Duration, Instant};

use harmonic_api::Client;
use harmonic_bench::{BenchConfig, HttpTarget, Levels};
use harmonic_render as render;
use harmonic_render::lines::{indented, labelled};
use harmonic_types::{BenchRun, Hardware, Plan};

use crate::chorus::panes::Panes;
use crate::chorus::prefixed::Prefixed;
use crate::chorus::{self, Answer, Stage, questions};
use crate::cli::{BudgetArg, Demo, EngineArg, SharingArg, Team};
use crate::door::Door;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::measure::{ground, loads, protocol};
use crate::printer::Printer;
use crate::serving::Serving;
use crate::settings::Settings;
use crate::stop::Stop;
use crate::sweep::Sweep;
use crate::{team, view};

const STACK: &str = "starter";

pub async fn run(
    args: &Demo,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let began = Instant::now();
    printer.heading("1  This machine")?;
    let hardware = team::hardware()?;
    printer.data(&indented(&render::hardware::line(&hardware)))?;

    printer.heading("2  Its model")?;
    let team = Team {
        stack: Some(STACK.to_owned()),
        sharing: SharingArg::Shared,
        budget: BudgetArg::Exact,
        engine: EngineArg::Llama,
    };
    let stack = team::stack(&team, settings)?;
    team::pull_missing(&stack, settings, &hardware, true, printer, stop).await?;
    let plan = team::plan(&stack, settings, &hardware, &team, printer)?;
    for engine in &plan.engines {
        let (model, format) = (&engine.model, &engine.format);
        printer.data(&format!("  {model} as {format}, {} of weights", engine.weights_bytes))?;
    }

    printer.heading("3  The team's plan")?;
    printer.data(&indented(&render::plan::team(&plan)))?;
    printer.data(&format!("\n{}", indented(&render::plan::memory(&plan))))?;
    printer.data(&indented(&labelled("sharing", &render::plan::sharing(&plan))))?;

    printer.heading("4  Start")?;
    let serving = Serving::start(plan.clone(), Door::private(), printer, stop).await?;
    printer
        .data(&format!("  serving at {}, each agent is a model of an OpenAI API", serving.url()))?;

    let shown = stop.or(show(args, &serving, settings, printer, stop)).await;
    serving.drain(Duration::ZERO).await?;
    let (answers, run) = shown??;
    if stop.is_asked() {
        return Err(Failure::stopped().into());
    }
    printer.heading("7  Summary")?;
    printer.data(&indented(&summary(&hardware, &plan, &answers, run.as_ref(), printer.width())))?;
    let seconds = began.elapsed().as_secs();
    printer.data(&format!("\n{}", indented(&next(&answers, seconds))))?;
    Ok(Exit::Ok)
}

/// The team at work, then under load.
async fn show(
    args: &Demo,
    serving: &Serving,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<(Vec<Answer>, Option<BenchRun>)> {
    let client = Client::new(&serving.url())?;
    let questions = questions::of(serving.plan());
    let count = questions.len();
    printer.heading(&format!("5  The team: {count} agents, one question each, all at once"))?;
    let names = questions.iter().map(|(agent, _)| agent.0.clone());
    let mut stage: Box<dyn Stage> = if printer.is_live() && printer.data_is_live() {
        Box::new(Panes::new(printer, names))
    } else {
        Box::new(Prefixed::new(printer, names))
    };
    let answers = chorus::perform(&client, &questions, stage.as_mut()).await?;
    drop(stage);
    printer.data(&format!("\n{}", indented(&view::answers::text(&answers))))?;
    if args.no_bench {
        return Ok((answers, None));
    }
    printer.heading("6  How this machine scales (under a minute)")?;
    let loads = loads::loads(&loads::of_plan(serving.plan(), &[])?, false);
    let quick = BenchConfig::quick(loads, Levels::new(protocol::LEVELS)?);
    let ground = ground::of(&client, team::RUNS_ON);
    let config = BenchConfig {
        host: settings.host.clone(),
        environment: ground.environment,
        began_unix_ms: ground::now_unix_ms(),
        ..quick
    };
    let sweep = Sweep::on(printer);
    let (target, instruments) = (HttpTarget::from(client), ground.instruments);
    let run = harmonic_bench::run(&target, &config, &instruments, &sweep, stop.token()).await?;
    drop(sweep);
    Ok((answers, Some(run)))
}

fn summary(
    hardware: &Hardware,
    plan: &Plan,
    answers: &[Answer],
    run: Option<&BenchRun>,
    width: usize,
) -> String {
    let mut lines = vec![
        labelled("machine", &render::hardware::line(hardware)),
        labelled("plan", &render::plan::sharing(plan)),
        render::plan::memory(plan),
        labelled("team", &view::answers::together(answers)),
    ];
    if let Some(run) = run {
        lines.push(String::new());
        lines.push(render::bench::report(run, width.saturating_sub(2)));
        lines.extend(render::findings::notes(&run.warnings));
    }
    lines.join("\n")
}

/// What to try now.
fn next(answers: &[Answer], seconds: u64) -> String {
    let agent = answers.iter().find(|answer| answer.agent.0 == "coder").or(answers.first());
    let agent = agent.map_or("coder", |answer| answer.agent.0.as_str());
    format!(
        r#"That took {seconds} s, and nothing is left running. Try next:
  harmonic up --stack starter                        serve the team on port 4276
  curl -N http://127.0.0.1:4276/v1/chat/completions -H 'Content-Type: application/json' \
    -d '{{"model":"{agent}","stream":true,"messages":[{{"role":"user","content":"Hello"}}]}}'
  harmonic bench --stack starter                     measure with confidence intervals
  harmonic plan --stack standard                     the paper's team on this machine
  harmonic models list                               what else can run here"#
    )
}
