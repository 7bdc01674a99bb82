//! Models as text and as JSON.

use harmonic_app::models::{Inventory, KnownModel, Removed};
use harmonic_layout::{Column, Table, Width, beside};
use harmonic_models::{Cache, CatalogEntry, FoundModel, StoredModel};
use harmonic_perfmodel::KvCost;
use harmonic_types::{Bytes, KvType, ModelShape, Pooling, RecurrentState, Tokens};
use serde_json::{Value, json};

/// Context lengths, in tokens, for which `show` computes the KV cache.
const CONTEXTS: [u32; 4] = [2048, 4096, 8192, 16384];

/// Width of a label in columns.
const LABEL: usize = 14;

/// Table of stored models, catalog models that are not stored, and models of other tools.
pub fn list(inventory: &Inventory, width: Width) -> String {
    let mut rows: Vec<[String; 5]> = inventory.stored.iter().map(stored_row).collect();
    rows.extend(inventory.absent.iter().map(catalog_row));
    rows.extend(inventory.elsewhere.iter().map(found_row));
    let columns = [
        Column::text("model"),
        Column::text("format"),
        Column::figure("size"),
        Column::figure("parameters").leaves(1),
        Column::text("where").wraps(),
    ];
    Table::new(columns, rows).text(width)
}

/// The same as JSON.
pub fn list_json(inventory: &Inventory) -> Value {
    json!({
        "schema": "harmonic.models/1",
        "stored": inventory.stored.iter().map(stored_json).collect::<Vec<_>>(),
        "catalog": inventory.absent.iter().map(entry_json).collect::<Vec<_>>(),
        "found": inventory.elsewhere.iter().map(found_json).collect::<Vec<_>>(),
        "warnings": inventory.findings,
    })
}

/// Source, location and shape of one model.
pub fn show(model: &KnownModel, width: Width) -> String {
    match model {
        KnownModel::Stored(model) => stored(model, width),
        KnownModel::Elsewhere(found) => {
            let shape = shape(&found.file.shape, Some(found.size), width);
            format!("{}\n{}\n\n{shape}", found.file.name, location(found))
        }
        KnownModel::Catalog(known) => {
            let CatalogEntry { name, summary, licence, .. } = known;
            let shape = shape(&known.shape, size_of(known), width);
            format!("{name}: {summary} ({licence})\nnot in the store\n\n{shape}")
        }
    }
}

/// What a removal freed, and what stays of it.
pub fn removed(removed: &Removed) -> String {
    let Removed { names, freed, shared_with } = removed;
    let names = names.join(", ");
    match (*freed, shared_with.as_slice()) {
        (freed, []) => format!("removed {names}: {freed} freed"),
        (Bytes::ZERO, others) => {
            format!("removed {names}: nothing freed, as {} has the same file", others.join(", "))
        }
        (freed, others) => format!(
            "removed {names}: {freed} freed; one file stays, as {} has it too",
            others.join(", ")
        ),
    }
}

/// The same as JSON.
pub fn show_json(model: &KnownModel) -> Value {
    match model {
        KnownModel::Stored(model) => stored_json(model),
        KnownModel::Elsewhere(found) => found_json(found),
        KnownModel::Catalog(known) => entry_json(known),
    }
}

fn stored(model: &StoredModel, width: Width) -> String {
    let record = &model.record;
    let mut lines = vec![record.name.clone(), format!("from {}", record.source)];
    if let Some(from) = &record.converted_from {
        lines.push(format!("converted from {}: {}", from.name, from.loss));
    }
    let location = model.file.path.display();
    lines.push(match record.shards.len() {
        0 => format!("{location}\n"),
        count => format!("{location}, the first of {count} files\n"),
    });
    lines.push(shape(&model.file.shape, Some(record.size), width));
    lines.join("\n")
}

fn stored_json(model: &StoredModel) -> Value {
    json!({"record": model.record, "path": model.file.path, "shape": model.file.shape})
}

fn entry_json(entry: &CatalogEntry) -> Value {
    let sources: Vec<_> = entry.origins.iter().map(|origin| origin.source.to_string()).collect();
    json!({
        "name": entry.name,
        "summary": entry.summary,
        "licence": entry.licence,
        "size_bytes": size_of(entry),
        "sources": sources,
        "shape": entry.shape,
    })
}

fn found_json(model: &FoundModel) -> Value {
    let size: Bytes = model.size;
    json!({"cache": model.cache, "size_bytes": size, "shards": model.shards, "file": model.file})
}

fn stored_row(model: &StoredModel) -> [String; 5] {
    let record = &model.record;
    let location = match (&record.runs_as, &record.converted_from) {
        (Some(other), _) => format!("stored, runs as {other}"),
        (None, Some(from)) => format!("stored, converted from {}", from.name),
        (None, None) => "stored".to_owned(),
    };
    [
        record.name.clone(),
        model.file.shape.format.clone(),
        record.size.to_string(),
        parameters(&model.file.shape),
        location,
    ]
}

fn catalog_row(entry: &CatalogEntry) -> [String; 5] {
    [
        entry.name.to_owned(),
        entry.shape.format.clone(),
        size_of(entry).map_or_else(|| "–".to_owned(), |size| size.to_string()),
        parameters(&entry.shape),
        "not in the store".to_owned(),
    ]
}

/// Size of the file of a model that is not stored, as it will be listed when it is.
fn size_of(entry: &CatalogEntry) -> Option<Bytes> {
    entry.origins.iter().find_map(|origin| origin.size)
}

/// Tool in whose cache a model lies, and its path.
fn location(model: &FoundModel) -> String {
    let tool = match model.cache {
        Cache::HuggingFace => "Hugging Face",
        Cache::Ollama => "Ollama",
        Cache::LmStudio => "LM Studio",
        Cache::LlamaCpp => "llama.cpp",
    };
    format!("{tool}: {}", model.file.path.display())
}

fn found_row(model: &FoundModel) -> [String; 5] {
    [
        model.file.name.clone(),
        model.file.shape.format.clone(),
        model.size.to_string(),
        parameters(&model.file.shape),
        location(model),
    ]
}

fn parameters(shape: &ModelShape) -> String {
    let figure = |count: u64| match count {
        0..1_000_000_000 => format!("{:.0} M", count as f64 / 1e6),
        _ => format!("{:.1} B", count as f64 / 1e9),
    };
    if shape.parameters_active == shape.parameters {
        figure(shape.parameters)
    } else {
        format!("{}, {} active", figure(shape.parameters), figure(shape.parameters_active))
    }
}

/// Shape of a model, size of its file and KV cache size of a slot.
fn shape(shape: &ModelShape, size: Option<Bytes>, width: Width) -> String {
    let window = shape.layers.iter().filter_map(|layer| layer.window).max();
    let mut lines = vec![
        ("architecture", shape.architecture.clone()),
        ("parameters", parameters(shape)),
        ("format", shape.format.clone()),
        ("size", size.map_or_else(|| "unknown".to_owned(), |size| size.to_string())),
        ("layers", shape.layers.len().to_string()),
        ("vocabulary", shape.vocabulary.to_string()),
        ("context", format!("trained on {} tokens", shape.context_trained)),
    ];
    if let Some((experts, used)) = shape.experts {
        lines.push(("experts", format!("{experts}, {used} used per token")));
    }
    if let Some(recurrent) = shape.recurrent {
        let (layers, bytes) = (recurrent.layers, recurrent.bytes());
        lines.push(("state", format!("{bytes} per slot in {layers} recurrent layers")));
    }
    if let Some(window) = window {
        lines.push(("window", format!("{window} tokens in some layers")));
    }
    if let Some(pooling) = shape.pooling {
        let pooled = match pooling {
            Pooling::Mean => "the mean of all tokens",
            Pooling::Cls => "that of the first token",
            Pooling::Last => "that of the last token",
        };
        lines.push(("embeddings", format!("{} dimensions, {pooled}", shape.embedding_length)));
    }
    let lines = lines.iter().flat_map(|(name, value)| {
        beside(&format!("{name:<LABEL$}"), &" ".repeat(LABEL), value, width)
    });
    let mut text: Vec<String> = lines.collect();
    if shape.pooling.is_some() {
        return text.join("\n");
    }
    let row = |context: u32| {
        let kv = |kv_type| {
            let held = KvCost::of(shape, kv_type).read(Tokens(context));
            let state = shape.recurrent.map_or(Bytes::ZERO, RecurrentState::bytes);
            held.saturating_sub(state).to_string()
        };
        [context.to_string(), kv(KvType::F16), kv(KvType::Q8_0)]
    };
    text.push(String::new());
    let columns = ["context", "KV per slot, f16", "q8_0"].map(Column::figure);
    text.push(Table::new(columns, contexts(shape).into_iter().map(row)).text(width));
    text.join("\n")
}

/// Contexts in the table: [`CONTEXTS`] that the model was trained for; where it was for less than all
/// of them, what it was trained for.
fn contexts(shape: &ModelShape) -> Vec<u32> {
    let Tokens(trained) = shape.context_trained;
    let mut contexts: Vec<u32> = CONTEXTS.into_iter().filter(|one| *one <= trained).collect();
    if contexts.is_empty() {
        contexts.push(trained);
    }
    contexts
}
