//! `harmonic plan`.

use std::collections::BTreeMap;
use std::path::Path;

use harmonic_export::ExportedFile;
use harmonic_hardware::profile;
use harmonic_planner::{PlanOptions, PlannedModel, memory_table, same_slots};
use harmonic_render as render;
use harmonic_render::plan::SlotCosts;
use harmonic_types::{Hardware, Sharing, StackSpec};

use crate::cli::Plan;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::settings::Settings;
use crate::team;

/// Numbers of slots in the paper's §5.3.
const TABLE_SLOTS: [u32; 3] = [8, 12, 16];

pub fn run(args: &Plan, settings: &Settings, printer: &Printer) -> anyhow::Result<Exit> {
    let mut hardware = hardware(args)?;
    let mut stack = team::stack(&args.team, settings)?;
    let mut options = team::options(&args.team);
    if let Some(what_if) = &args.what_if {
        what_if.apply(&mut hardware, &mut stack, &mut options);
    }
    let models = team::models(&stack, settings)?;
    if args.table {
        return table(args, &stack, &models, &options, printer);
    }
    let plan = team::plan_with(&hardware, &stack, &models, &options, settings, printer)?;
    if let Some(kind) = args.emit {
        return export(&harmonic_export::files(&plan, kind.into())?, args.out.as_deref(), printer);
    }
    if args.json {
        printer.json(&plan)?;
        return Ok(Exit::Ok);
    }
    printer.data(&render::plan::title(
        &plan,
        &hardware,
        args.what_if.as_ref().map(ToString::to_string).as_deref(),
    ))?;
    printer.data(&render::plan::text(&plan))?;
    printer.data(&format!("\n{}", render::plan::sharing(&plan)))?;
    if args.explain {
        let other = match plan.sharing {
            Sharing::Shared => Sharing::Isolated,
            Sharing::Isolated => Sharing::Shared,
        };
        let costs = SlotCosts {
            planned: same_slots(&plan, &models, plan.sharing)?,
            otherwise: same_slots(&plan, &models, other)?,
        };
        printer.heading("Ledger")?;
        printer.data(&render::plan::explanation(&plan, &hardware, &models, costs))?;
    }
    Ok(Exit::Ok)
}

/// Writes `files` into `folder`, or shows them where there is none.
fn export(
    files: &[ExportedFile],
    folder: Option<&Path>,
    printer: &Printer,
) -> anyhow::Result<Exit> {
    let Some(folder) = folder else {
        let shown = files.iter().map(|file| format!("==> {} <==\n{}", file.name, file.text));
        printer.data(shown.collect::<Vec<_>>().join("\n").trim_end())?;
        return Ok(Exit::Ok);
    };
    harmonic_export::write(files, folder)?;
    printer.say(&format!("wrote {} files to {}", files.len(), folder.display()));
    Ok(Exit::Ok)
}

/// The machine to plan for.
fn hardware(args: &Plan) -> anyhow::Result<Hardware> {
    let Some(name) = &args.hardware else { return team::hardware() };
    profile::named(name).ok_or_else(|| {
        let known = profile::names().collect::<Vec<_>>().join(", ");
        Failure::new(format!("there is no machine profile `{name}`"), format!("use one of {known}"))
            .into()
    })
}

fn table(
    args: &Plan,
    stack: &StackSpec,
    models: &BTreeMap<String, PlannedModel>,
    options: &PlanOptions,
    printer: &Printer,
) -> anyhow::Result<Exit> {
    let rows = memory_table(stack, models, options, &TABLE_SLOTS)?;
    if args.json {
        printer.json(&render::plan::memory_table_json(&rows, options, &TABLE_SLOTS))?;
    } else {
        printer.data(&render::plan::memory_table(&rows, &TABLE_SLOTS))?;
    }
    Ok(Exit::Ok)
}
