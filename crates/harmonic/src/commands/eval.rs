//! `harmonic eval`.

use harmonic_api::Client;
use harmonic_app::Settings;
use harmonic_app::eval::{self, EvalRequest, EvalSubject};
use harmonic_process::Stop;
use harmonic_render::{Printer, Progress};

use super::stack_team::StackTeam;
use crate::exit::Exit;
use harmonic_cli::Eval;

pub async fn run(
    args: &Eval,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let evaluation =
        Evaluation { args, request: EvalRequest::new(&args.options())?, settings, printer, stop };
    let Some(stack) = &args.stack else {
        let (choice, progress) = (args.server.choice(), Progress::on(printer));
        let server = choice.client(settings, &progress)?;
        let stack = choice.stack(settings, &progress)?;
        drop(progress);
        return evaluation.of(&server.client, stack).await;
    };
    let team = StackTeam::open(stack, args.yes, settings, printer, stop).await?;
    let ended = evaluation.of(&team.server.client, Some(team.stack.clone())).await;
    team.end().await?;
    ended
}

struct Evaluation<'a> {
    args: &'a Eval,
    request: EvalRequest,
    settings: &'a Settings,
    printer: &'a Printer,
    stop: &'a Stop,
}

impl Evaluation<'_> {
    /// Evaluates the team of `client`, which serves `stack`, and prints what was found.
    async fn of(&self, client: &Client, stack: Option<String>) -> anyhow::Result<Exit> {
        let Self { args, request, settings, printer, stop } = self;
        let subject = stop.or(EvalSubject::of(client, stack)).await??;
        let progress = Progress::on(printer);
        let (observer, token) = (&progress, stop.token());
        let report = eval::evaluate(request, &subject, client, settings, observer, token).await?;
        drop(progress);
        if args.json {
            printer.json(&report)?;
        } else {
            printer.text(&harmonic_render::eval::text(&report, printer.width()))?;
        }
        if args.save {
            for path in eval::save(&report, &subject, settings)? {
                printer.message(&format!("saved to {}", path.display()));
            }
        }
        Ok(if report.interrupted.is_some() { Exit::Failure } else { Exit::Ok })
    }
}
