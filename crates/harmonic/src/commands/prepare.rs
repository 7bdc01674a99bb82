//! From a team's arguments to its plan, with all its models in the store: the first step of `up`,
//! `bench` and `demo`.

use harmonic_app::downloads::{Downloads, STARTER};
use harmonic_app::{Settings, TeamRequest, inspect, models, plan};
use harmonic_process::Stop;
use harmonic_render::{Printer, Progress};
use harmonic_repl::consent::is_wanted;
use harmonic_types::{Hardware, Plan, StackSpec};

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
    if team.models_needed(&stack).is_empty() {
        return Ok(Prepared { hardware, stack, is_replaced: false });
    }
    let mut downloads = Downloads::of(&stack, team, settings)?;
    if downloads.need_consent() {
        // Better now than after gigabytes.
        plan::check_fits(&hardware, &stack, team, settings, &Progress::on(printer))?;
    }
    let is_replaced = !is_wanted(&mut downloads, settings, yes, printer, stop).await?;
    if is_replaced {
        let starter = TeamRequest { stack: Some(STARTER.to_owned()), ..team.clone() };
        stack = starter.resolve(settings)?;
        downloads = Downloads::of(&stack, &starter, settings)?;
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
