//! `harmonic models`.

use harmonic_app::models::Removed;
use harmonic_app::{Settings, models};
use harmonic_process::Stop;
use harmonic_render::{self as render, Printer, Progress};
use harmonic_types::ModelFile;
use serde_json::json;

use crate::exit::Exit;
use harmonic_cli::Models;

pub async fn run(
    args: Models,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    match args {
        Models::List { json } => list(settings, printer, json)?,
        Models::Pull { source, name, json } => {
            let progress = Progress::on(printer);
            let file = stop.or(models::pull(&source, name, settings, &progress)).await??;
            drop(progress);
            print_stored(&file, printer, json)?;
        }
        Models::Show { name, json } => {
            let model = models::find(&name, settings)?;
            if json {
                printer.json(&render::models::show_json(&model))?;
            } else {
                printer.text(&render::models::show(&model, printer.width()))?;
            }
        }
        Models::Convert { name, to, json } => {
            let progress = Progress::on(printer);
            let file = stop.or(models::convert(&name, to, settings, &progress)).await??;
            drop(progress);
            print_stored(&file, printer, json)?;
        }
        Models::Rm { name, json } => {
            let removed = models::remove(&name, settings)?;
            if json {
                let Removed { names, freed, shared_with } = removed;
                let document =
                    json!({"removed": names, "freed_bytes": freed, "shared_with": shared_with});
                printer.json(&document)?;
            } else {
                printer.text(&render::models::removed(&removed))?;
            }
        }
    }
    Ok(Exit::Ok)
}

fn list(settings: &Settings, printer: &Printer, as_json: bool) -> anyhow::Result<()> {
    let inventory = models::inventory(settings)?;
    if as_json {
        return Ok(printer.json(&render::models::list_json(&inventory))?);
    }
    printer.text(&render::models::list(&inventory, printer.width()))?;
    inventory.findings.iter().for_each(|finding| printer.finding(finding));
    printer.message(&format!("\nstore: {}", settings.store.root().display()));
    Ok(())
}

/// Prints the name and the location of a stored model.
fn print_stored(file: &ModelFile, printer: &Printer, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        return Ok(printer.json(file)?);
    }
    let ModelFile { name, path, shape, .. } = file;
    Ok(printer.text(&format!("{name} ({}): {}", shape.format, path.display()))?)
}
