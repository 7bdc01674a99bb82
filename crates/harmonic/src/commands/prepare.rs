//! From a team's arguments to its plan, with all its models here: the beginning of `up`, `bench` and
//! `demo`.

use harmonic_app::models::{self, MissingModel};
use harmonic_app::plan::{self, TeamRequest};
use harmonic_app::{Settings, inspect};
use harmonic_render::{Printer, Progress};
use harmonic_types::{Bytes, Hardware, Plan, StackSpec};

use crate::confirm::confirm;
use crate::error::CliError;
use crate::stop::Stop;

/// Above this the user is asked before it is fetched.
const ASK_ABOVE: Bytes = Bytes(1_000_000_000);

/// This machine and the stack of `team`, whose models are here. Asks before a large one is fetched,
/// unless `yes`.
///
/// # Errors
/// When a model is unknown, cannot be fetched, or the user does not agree.
pub async fn stack(
    team: &TeamRequest,
    settings: &Settings,
    yes: bool,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<(Hardware, StackSpec)> {
    let hardware = inspect::hardware()?;
    let stack = plan::stack(team, settings)?;
    if team.engine.needs_models() {
        let missing = models::missing(&stack, settings)?;
        for model in &missing {
            if !yes && model.size.is_none_or(|size| size > ASK_ABOVE) {
                stop.or(agreement(model, printer)).await??;
            }
        }
        let progress = Progress::on(printer);
        stop.or(models::fetch(&missing, &hardware, settings, &progress)).await??;
    }
    Ok((hardware, stack))
}

/// The plan of `team`, whose models are here.
///
/// # Errors
/// As [`stack`], and when it does not fit.
pub async fn plan(
    team: &TeamRequest,
    settings: &Settings,
    yes: bool,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Plan> {
    let (hardware, stack) = stack(team, settings, yes, printer, stop).await?;
    Ok(plan::plan(&hardware, &stack, team, settings, &Progress::on(printer))?)
}

async fn agreement(model: &MissingModel, printer: &Printer) -> Result<(), CliError> {
    let MissingModel { name, size, .. } = model;
    let size = size.map_or_else(|| "of unknown size".to_owned(), |size| format!("of {size}"));
    let what = format!("the model {name} is not here, and fetching it is a download {size}");
    let command = format!("`harmonic models pull {name}` fetches it, so does --yes here");
    if !printer.can_ask() {
        return Err(CliError::new(what, command));
    }
    if confirm(&format!("{what}. Fetch it?")).await {
        return Ok(());
    }
    Err(CliError::new(format!("{name} was not fetched"), command))
}
