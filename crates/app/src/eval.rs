//! Evaluation of a team: the items of suites, answered by one agent, by a vote and by the team, as
//! runs of a server.
//!
//! Owns: what is asked for ([`EvalRequest`]), whose figures they are ([`EvalSubject`]), the runs, and
//! what is saved of them ([`save`]).
//!
//! Invariants: one run at a time, so that each has the machine that a user would have; no run is left
//! on the server; an item counts when all sides have answered it; what was done before an
//! interruption is kept, and the verdict on an unfinished suite is withheld.
//!
//! Does not do: scoring, statistics and verdicts (`harmonic_eval`).

mod answers;
mod program;
mod request;
mod run;
mod save;
mod subject;
mod suite_items;

use harmonic_api::Client;
use harmonic_eval::ItemOutcome;
use tokio_util::sync::CancellationToken;

use self::answers::Answers;
use crate::error::{AppError, Result, one_line};
use crate::event::{Event, Observer};
use crate::settings::Settings;

pub use harmonic_eval::{Arm, ArmFigures, Comparison, EvalReport, Suite, SuiteReport};

pub use request::{EvalOptions, EvalRequest};
pub use save::save;
pub use subject::EvalSubject;

/// Progress of an evaluation. Its sides are those of `done`.
#[derive(Clone, Copy, Debug)]
pub struct EvalProgress<'a> {
    /// The suite.
    pub suite: Suite,
    /// Its items.
    pub items: usize,
    /// Those that are done.
    pub done: &'a [ItemOutcome],
}

/// Evaluates as `request` says, on the server of `client`. A stop ends it early; what is done until
/// then is in the report.
///
/// # Errors
/// When a suite cannot be read, or the server fails before an item is done.
pub async fn evaluate(
    request: &EvalRequest,
    subject: &EvalSubject,
    client: &Client,
    settings: &Settings,
    observer: &dyn Observer,
    stop: &CancellationToken,
) -> Result<EvalReport> {
    // All of them first: a package that cannot be had is better known before hours of work.
    let mut planned = Vec::new();
    for suite in &request.suites {
        let items = suite_items::items(*suite, request, settings, observer);
        let items = stop.run_until_cancelled(items).await.ok_or_else(AppError::stopped)?;
        planned.push((*suite, items?));
    }
    let answers = Answers::new(client, request, settings, stop).await?;
    let mut report = EvalReport {
        schema: EvalReport::SCHEMA,
        stack: subject.stack.clone(),
        recipe: request.recipe.name().to_owned(),
        seed: request.seed,
        max_tokens: request.max_tokens,
        suites: Vec::new(),
        interrupted: None,
    };
    for (suite, items) in planned {
        let mut outcomes = Vec::new();
        let progress = |done: &[ItemOutcome]| {
            observer.event(Event::Eval(EvalProgress { suite, items: items.len(), done }));
        };
        progress(&outcomes);
        for (index, item) in items.iter().enumerate() {
            match answers.of(item, index).await {
                Ok(Some(outcome)) => outcomes.push(outcome),
                Ok(None) => report.interrupted = Some("stopped".to_owned()),
                Err(error) if outcomes.is_empty() && report.suites.is_empty() => return Err(error),
                Err(error) => report.interrupted = Some(one_line(&error)),
            }
            if report.interrupted.is_some() {
                break;
            }
            progress(&outcomes);
        }
        let withheld = report
            .interrupted
            .as_ref()
            .map(|why| format!("{} of {} items were done ({why})", outcomes.len(), items.len()));
        let done = SuiteReport::new(suite, &outcomes, items.len(), &request.arms, withheld);
        report.suites.push(done);
        if report.interrupted.is_some() {
            break;
        }
    }
    Ok(report)
}
