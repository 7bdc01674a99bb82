//! `harmonic models`.

use std::sync::Arc;

use harmonic_models::{
    CatalogEntry, FoundModel, ModelError, PullOptions, StoredModel, WeightFormat, cached, catalog,
};
use harmonic_render as render;
use harmonic_types::{Bytes, ModelFile};
use serde_json::{Value, json};

use crate::cli::Models;
use crate::engines::LlamaConverter;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::progress::Shown;
use crate::settings::Settings;
use crate::stop::Stop;
use crate::team;

pub async fn run(
    args: Models,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let store = &settings.store;
    match args {
        Models::List { json } => list(settings, printer, json)?,
        Models::Pull { source, name, json } => {
            let hardware = team::hardware()?;
            let options = PullOptions { name, ..team::pull_options(settings, &hardware) };
            let shown = Shown::on(printer);
            let file = stop.or(harmonic_models::pull(store, &source, &options, &shown)).await??;
            drop(shown);
            arrived(&file, printer, json)?;
        }
        Models::Show { name, json } => show(&name, settings, printer, json)?,
        Models::Convert { name, to, json } => {
            let file = stop.or(convert(&name, to, settings, printer)).await??;
            arrived(&file, printer, json)?;
        }
        Models::Rm { name, json } => {
            let removed = store.remove(&name)?;
            if json {
                let names = &removed.names;
                printer.json(&json!({"removed": names, "freed_bytes": removed.freed}))?;
            } else {
                printer.data(&format!(
                    "removed {}: {}",
                    removed.names.join(", "),
                    removed.freed
                ))?;
            }
        }
    }
    Ok(Exit::Ok)
}

async fn convert(
    name: &str,
    to: WeightFormat,
    settings: &Settings,
    printer: &Printer,
) -> anyhow::Result<ModelFile> {
    let threads = team::hardware()?.cpu_threads();
    let quantizer = Arc::new(LlamaConverter { threads });
    let shown = Shown::on(printer);
    Ok(harmonic_models::convert(&settings.store, name, to, quantizer, &shown).await?)
}

/// A model is here: its name, and where it lies.
fn arrived(file: &ModelFile, printer: &Printer, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        return printer.json(file);
    }
    let ModelFile { name, path, shape, .. } = file;
    Ok(printer.data(&format!("{name} ({}): {}", shape.format, path.display()))?)
}

fn list(settings: &Settings, printer: &Printer, as_json: bool) -> anyhow::Result<()> {
    let listing = settings.store.list()?;
    let is_here =
        |entry: &CatalogEntry| listing.models.iter().any(|model| model.record.name == entry.name);
    let absent: Vec<_> = catalog::entries().into_iter().filter(|entry| !is_here(entry)).collect();
    let found = harmonic_models::elsewhere(&settings.store, &settings.caches)?;
    if as_json {
        return printer.json(&json!({
            "schema": "harmonic.models/1",
            "stored": listing.models.iter().map(stored).collect::<Vec<_>>(),
            "catalog": absent.iter().map(entry).collect::<Vec<_>>(),
            "found": found.iter().map(elsewhere).collect::<Vec<_>>(),
            "warnings": listing.findings,
        }));
    }
    printer.data(&render::models::list(&listing.models, &absent, &found))?;
    listing.findings.iter().for_each(|finding| printer.finding(finding));
    printer.say(&format!("\nthe store is {}", settings.store.root().display()));
    Ok(())
}

fn stored(model: &StoredModel) -> Value {
    json!({"record": model.record, "path": model.file.path, "shape": model.file.shape})
}

fn entry(entry: &CatalogEntry) -> Value {
    let sources: Vec<_> = entry.origins.iter().map(|origin| origin.source.to_string()).collect();
    json!({
        "name": entry.name,
        "summary": entry.summary,
        "licence": entry.licence,
        "size_bytes": entry.origins.iter().find_map(|origin| origin.size),
        "sources": sources,
        "shape": entry.shape,
    })
}

fn elsewhere(model: &FoundModel) -> Value {
    let size: Bytes = model.size;
    json!({"cache": model.cache, "size_bytes": size, "shards": model.shards, "file": model.file})
}

fn show(name: &str, settings: &Settings, printer: &Printer, as_json: bool) -> anyhow::Result<()> {
    if let Some(model) = settings.store.show(name)? {
        if as_json {
            return printer.json(&stored(&model));
        }
        let record = &model.record;
        printer.data(&format!("{}\nfrom {}", record.name, record.source))?;
        if let Some(from) = &record.converted_from {
            printer.data(&format!("converted from {}: {}", from.name, from.loss))?;
        }
        let place = model.file.path.display();
        printer.data(&match record.shards.len() {
            0 => format!("{place}\n"),
            count => format!("{place}, the first of {count} files\n"),
        })?;
        return Ok(printer.data(&render::models::shape(&model.file.shape))?);
    }
    if let Some(found) = cached(&settings.store, &settings.caches, name)? {
        if as_json {
            return printer.json(&elsewhere(&found));
        }
        printer.data(&format!("{}\n{}\n", found.file.name, render::models::place(&found)))?;
        return Ok(printer.data(&render::models::shape(&found.file.shape))?);
    }
    let Some(known) = catalog::find(name) else {
        let known = harmonic_models::CATALOG_NAMES.join(", ");
        return Err(ModelError::UnknownModel { name: name.to_owned(), known }.into());
    };
    if as_json {
        return printer.json(&entry(&known));
    }
    printer.data(&format!("{}: {} ({})\nnot here\n", known.name, known.summary, known.licence))?;
    Ok(printer.data(&render::models::shape(&known.shape))?)
}
