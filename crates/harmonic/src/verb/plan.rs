//! `harmonic plan`.

use crate::cli::Plan;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::settings::Settings;
use crate::{team, view};

pub fn run(args: &Plan, settings: &Settings, printer: &Printer) -> anyhow::Result<Exit> {
    let hardware = team::hardware()?;
    let stack = team::stack(&args.team, settings)?;
    let plan = team::plan(&stack, settings, &hardware, &args.team)?;
    if args.json {
        printer.json(&plan)?;
    } else {
        printer.data(&format!("stack {} on {}\n", plan.stack, view::hardware::line(&hardware)))?;
        printer.data(&view::plan::text(&plan))?;
        printer.data(&view::plan::sharing(&plan))?;
    }
    Ok(Exit::Ok)
}
