//! From a team's arguments to its plan, with all its models in the store: the first step of `up`,
//! `bench` and `demo`.

use harmonic_app::downloads::{Downloads, STARTER};
use harmonic_app::{Settings, TeamRequest, inspect, models, plan};
use harmonic_render::{self as render, Printer, Progress, spinner};
use harmonic_repl::question::{self, Answer};
use harmonic_signals::Stop;
use harmonic_types::{Hardware, Plan, StackSpec};

use crate::error::CliError;

const YES: Answer = "yes";
const SMALL: Answer = "starter";
const NO: Answer = "no";

/// A stack with its models in the store.
pub struct Prepared {
    /// This machine.
    pub hardware: Hardware,
    /// The stack.
    pub stack: StackSpec,
    /// Whether the user chose it in place of the requested one.
    pub is_replaced: bool,
}

/// This machine and the stack of `team`, with its models in the store. Large downloads need the
/// user's consent, unless `yes`.
///
/// # Errors
/// When a model is unknown or cannot be fetched, or the user declines.
pub async fn stack(
    team: &TeamRequest,
    settings: &Settings,
    yes: bool,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Prepared> {
    let hardware = inspect::hardware()?;
    let mut stack = team.resolve(settings)?;
    if !team.engine.needs_models() {
        return Ok(Prepared { hardware, stack, is_replaced: false });
    }
    let mut downloads = Downloads::of(&stack, settings)?;
    if downloads.need_consent() {
        // Better now than after gigabytes.
        plan::check_fits(&hardware, &stack, team, settings, &Progress::on(printer))?;
    }
    let is_replaced = !is_wanted(&mut downloads, settings, yes, printer, stop).await?;
    if is_replaced {
        let starter = TeamRequest { stack: Some(STARTER.to_owned()), ..team.clone() };
        stack = starter.resolve(settings)?;
        downloads = Downloads::of(&stack, settings)?;
    }
    let progress = Progress::on(printer);
    stop.or(models::fetch(&downloads.models, &hardware, settings, &progress)).await??;
    Ok(Prepared { hardware, stack, is_replaced })
}

/// Plan of `team`, with its models in the store; and whether it is of another stack, chosen by the
/// user.
///
/// # Errors
/// As [`stack`], and when the team does not fit.
pub async fn plan(
    team: &TeamRequest,
    settings: &Settings,
    yes: bool,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<(Plan, bool)> {
    let Prepared { hardware, stack, is_replaced } =
        self::stack(team, settings, yes, printer, stop).await?;
    let plan = plan::plan(&hardware, &stack, team, settings, &Progress::on(printer))?;
    Ok((plan, is_replaced))
}

/// Whether the user wants these downloads, and not the starter instead.
async fn is_wanted(
    downloads: &mut Downloads,
    settings: &Settings,
    yes: bool,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<bool> {
    let must_ask = downloads.need_consent() && !yes;
    if must_ask {
        let waiting = printer.is_live().then(|| spinner(printer, "measuring the download rate"));
        let measured = stop.or(downloads.preview(settings)).await;
        if let Some(waiting) = waiting {
            waiting.finish_and_clear();
        }
        measured?;
    }
    let is_short = downloads.shortage().is_some();
    if !must_ask && !is_short {
        return Ok(true);
    }
    let has_choice = !is_short || downloads.starter.is_some();
    let text = render::downloads::text(downloads, printer.message_width());
    if !must_ask || !printer.is_interactive() || !has_choice {
        return Err(CliError::new(text, render::downloads::remedy(downloads)).into());
    }
    let answers: &'static [Answer] = match (is_short, downloads.starter) {
        (false, Some(_)) => &[YES, SMALL, NO],
        (false, None) => &[YES, NO],
        (true, _) => &[SMALL, NO],
    };
    let question = render::downloads::question(downloads, &text, printer.message_width());
    match stop.or(question::ask(&question, answers)).await? {
        YES => Ok(true),
        SMALL => Ok(false),
        _ => Err(CliError::new("nothing was fetched", render::downloads::remedy(downloads)).into()),
    }
}
