//! From a team's arguments to its plan, with all its models in the store: the first step of `up`,
//! `bench` and `demo`.

use harmonic_app::models::{self, MissingModel};
use harmonic_app::{Settings, TeamRequest, inspect, plan};
use harmonic_render::{Printer, Progress};
use harmonic_types::{Bytes, Hardware, Plan, StackSpec};

use crate::confirm::confirm;
use crate::error::CliError;
use crate::stop::Stop;

/// Download size above which the user must confirm.
const CONFIRM_ABOVE: Bytes = Bytes(1_000_000_000);

/// This machine and the stack of `team`, with its models in the store. Large downloads need
/// confirmation, unless `yes`.
///
/// # Errors
/// When a model is unknown or cannot be fetched, or the user declines.
pub async fn stack(
    team: &TeamRequest,
    settings: &Settings,
    yes: bool,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<(Hardware, StackSpec)> {
    let hardware = inspect::hardware()?;
    let stack = team.resolve(settings)?;
    if team.engine.needs_models() {
        let missing = models::missing(&stack, settings)?;
        for model in &missing {
            if !yes && model.size.is_none_or(|size| size > CONFIRM_ABOVE) {
                stop.or(confirm_download(model, printer)).await??;
            }
        }
        let progress = Progress::on(printer);
        stop.or(models::fetch(&missing, &hardware, settings, &progress)).await??;
    }
    Ok((hardware, stack))
}

/// Plan of `team`, with its models in the store.
///
/// # Errors
/// As [`stack`], and when the team does not fit.
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

async fn confirm_download(model: &MissingModel, printer: &Printer) -> Result<(), CliError> {
    let MissingModel { name, size, .. } = model;
    let size = size.map_or_else(|| "of unknown size".to_owned(), |size| format!("of {size}"));
    let problem = format!("the model {name} is not in the store; fetching it is a download {size}");
    let command = format!("fetch it with `harmonic models pull {name}`, or add --yes");
    if !printer.is_interactive() {
        return Err(CliError::new(problem, command));
    }
    if confirm(&format!("{problem}. Fetch it?")).await {
        return Ok(());
    }
    Err(CliError::new(format!("{name} was not fetched"), command))
}
