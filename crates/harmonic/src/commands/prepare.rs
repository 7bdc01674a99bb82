//! From a team's arguments to its plan, with all its models in the store: the first step of `up`,
//! `bench` and `demo`.

use std::borrow::Cow;

use harmonic_app::downloads::{Downloads, STARTER};
use harmonic_app::needed_models::Need;
use harmonic_app::{Settings, TeamRequest, inspect, models, plan};
use harmonic_process::Stop;
use harmonic_render::{Printer, Progress};
use harmonic_repl::consent::is_wanted;
use harmonic_types::{Hardware, Plan, StackSpec};

/// A stack with the models that it needs in the store.
pub struct Prepared {
    /// This machine.
    pub hardware: Hardware,
    /// The stack.
    pub stack: StackSpec,
    /// Whether the user chose it in place of the requested one.
    pub is_replaced: bool,
}

/// This machine and the stack of `team`, with the models that it needs in the store. Large downloads
/// need the user's consent, unless `yes`.
///
/// # Errors
/// When a model is unknown or cannot be fetched, the team does not fit, or the user declines.
pub async fn stack(
    team: &TeamRequest,
    need: Need,
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
    let mut team = Cow::Borrowed(team);
    let mut is_replaced = false;
    // What was fetched can have another shape than the catalog states, and the plan keep others.
    for _ in 0..=stack.agents.len() {
        let mut downloads = Downloads::of(&stack, &team, need, &hardware, settings)?;
        if downloads.models.is_empty() {
            break;
        }
        if is_wanted(&mut downloads, settings, yes, printer, stop).await? {
            let progress = Progress::on(printer);
            stop.or(models::fetch(&downloads.models, &hardware, settings, &progress)).await??;
        } else {
            is_replaced = true;
            team.to_mut().stack = Some(STARTER.to_owned());
            stack = team.resolve(settings)?;
        }
    }
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
        self::stack(team, Need::Planned, settings, yes, printer, stop).await?;
    let plan = plan::plan(&hardware, &stack, team, settings, &Progress::on(printer))?;
    team.unmet_slots(&plan).iter().for_each(|finding| printer.finding(finding));
    Ok((plan, is_replaced))
}
