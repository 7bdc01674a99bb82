//! Models as text and as JSON.

use harmonic_app::models::{Inventory, KnownModel};
use harmonic_models::{Cache, CatalogEntry, FoundModel, StoredModel};
use harmonic_perfmodel::KvCost;
use harmonic_types::{Bytes, KvType, ModelShape, Pooling, RecurrentState, Tokens};
use serde_json::{Value, json};

use super::table::table;

/// Context lengths, in tokens, for which `show` computes the KV cache.
const CONTEXTS: [u32; 4] = [2048, 4096, 8192, 16384];

/// Table of stored models, catalog models that are not stored, and models of other tools.
pub fn list(inventory: &Inventory) -> String {
    let mut rows: Vec<[String; 5]> = inventory.stored.iter().map(stored_row).collect();
    rows.extend(inventory.absent.iter().map(catalog_row));
    rows.extend(inventory.elsewhere.iter().map(found_row));
    table(["model", "format", "size", "parameters", "where"], &[2, 3], rows)
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
pub fn show(model: &KnownModel) -> String {
    match model {
        KnownModel::Stored(model) => stored(model),
        KnownModel::Elsewhere(found) => {
            format!("{}\n{}\n\n{}", found.file.name, location(found), shape(&found.file.shape))
        }
        KnownModel::Catalog(known) => format!(
            "{}: {} ({})\nnot in the store\n\n{}",
            known.name,
            known.summary,
            known.licence,
            shape(&known.shape)
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

fn stored(model: &StoredModel) -> String {
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
    lines.push(shape(&model.file.shape));
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
        "size_bytes": entry.origins.iter().find_map(|origin| origin.size),
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
        record.format.clone(),
        record.size.to_string(),
        parameters(&model.file.shape),
        location,
    ]
}

fn catalog_row(entry: &CatalogEntry) -> [String; 5] {
    let size = entry.origins.iter().find_map(|origin| origin.size);
    [
        entry.name.to_owned(),
        entry.shape.format.clone(),
        size.map_or_else(|| "–".to_owned(), |size| size.to_string()),
        parameters(&entry.shape),
        "not in the store".to_owned(),
    ]
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

/// Shape of a model and KV cache size of a slot.
fn shape(shape: &ModelShape) -> String {
    let window = shape.layers.iter().filter_map(|layer| layer.window).max();
    let mut lines = vec![
        ("architecture", shape.architecture.clone()),
        ("parameters", parameters(shape)),
        ("weights", format!("{} as {}", shape.weights_bytes, shape.format)),
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
    let mut text: Vec<String> =
        lines.iter().map(|(name, value)| format!("{name:<14}{value}")).collect();
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
    let header = ["context", "KV per slot, f16", "q8_0"];
    text.push(table(header, &[0, 1, 2], CONTEXTS.map(row)));
    text.join("\n")
}
