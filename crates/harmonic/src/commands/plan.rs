//! `harmonic plan`.

use std::path::Path;

use harmonic_app::plan::{self, PlanInputs};
use harmonic_app::{ExportKind, Settings, check_local, inspect};
use harmonic_render::{self as render, Printer, Progress};
use harmonic_types as types;

use crate::error::CliError;
use crate::exit::Exit;
use harmonic_cli::Plan;

/// Numbers of slots in the paper's §5.3.
const TABLE_SLOTS: [u32; 3] = [8, 12, 16];

pub fn run(args: &Plan, settings: &Settings, printer: &Printer) -> anyhow::Result<Exit> {
    let team = args.team.request();
    let mut hardware = match &args.hardware {
        Some(name) => inspect::machine(name)?,
        None => inspect::hardware()?,
    };
    if team.context.is_some()
        && args.what_if.as_ref().is_some_and(|what_if| what_if.context().is_some())
    {
        let hint = "leave out one of them";
        return Err(
            CliError::new("--context and --what-if context=… contradict each other", hint).into()
        );
    }
    let mut stack = team.resolve(settings)?;
    let mut options = team.options();
    if let Some(what_if) = &args.what_if {
        what_if.apply(&mut hardware, &mut stack, &mut options);
    }
    if args.table {
        let models = plan::models(&stack, &team, settings)?;
        let rows = plan::table(&stack, &models, &options, &TABLE_SLOTS)?;
        if args.json {
            printer.json(&render::plan::memory_table_json(&rows, &options, &TABLE_SLOTS))?;
        } else {
            printer.text(&render::plan::memory_table(&rows, &TABLE_SLOTS, printer.width()))?;
        }
        return Ok(Exit::Ok);
    }
    let knowledge = PlanInputs::of(&stack, &team, settings, &Progress::on(printer))?;
    let plan = plan::plan_with(&hardware, &stack, &options, &knowledge)?;
    if team.local_only {
        check_local(&plan)?;
    }
    team.unmet_slots(&plan).iter().for_each(|finding| printer.finding(finding));
    for finding in plan::findings(&plan) {
        printer.finding(&finding);
    }
    if let Some(kind) = args.emit {
        export(&plan, kind.into(), args.out.as_deref(), printer)?;
        return Ok(Exit::Ok);
    }
    if args.json {
        printer.json(&plan)?;
        return Ok(Exit::Ok);
    }
    let assumed = args.what_if.as_ref().map(ToString::to_string);
    let width = printer.width();
    printer.text(&render::plan::title(&plan, &hardware, assumed.as_deref()))?;
    printer.text(&render::plan::text(&plan, width))?;
    printer.text(&format!("\n{}", render::plan::sharing(&plan)))?;
    if args.explain {
        let models = &knowledge.models;
        let costs = plan::slot_costs(&plan, models)?;
        printer.heading("Ledger")?;
        printer.text(&render::plan::explanation(&plan, &hardware, models, costs, width))?;
    }
    Ok(Exit::Ok)
}

/// Writes the files that run `plan` without harmonic into `folder`, or prints them if there is
/// none.
fn export(
    plan: &types::Plan,
    kind: ExportKind,
    folder: Option<&Path>,
    printer: &Printer,
) -> anyhow::Result<()> {
    let files = plan::export(plan, kind, folder)?;
    if let Some(folder) = folder {
        printer.message(&format!(
            "wrote {} to {}",
            types::counted(files.len(), "file"),
            folder.display()
        ));
    } else {
        let shown = files.iter().map(|file| format!("==> {} <==\n{}", file.name, file.text));
        printer.data(shown.collect::<Vec<_>>().join("\n").trim_end())?;
    }
    Ok(())
}
