//! Models as text.

use harmonic_laws::KvCost;
use harmonic_models::{Cache, CatalogEntry, FoundModel, StoredModel};
use harmonic_types::{Bytes, KvType, ModelShape, RecurrentState, Tokens};

use super::table::table;

/// Contexts that `show` reckons with.
const CONTEXTS: [u32; 4] = [2048, 4096, 8192, 16384];

/// What the store holds, what the catalog could add, what other tools have.
pub fn list(stored: &[StoredModel], absent: &[CatalogEntry], found: &[FoundModel]) -> String {
    let mut rows: Vec<[String; 5]> = stored.iter().map(stored_row).collect();
    rows.extend(absent.iter().map(absent_row));
    rows.extend(found.iter().map(found_row));
    table(["model", "format", "size", "parameters", "where"], &[2, 3], rows)
}

fn stored_row(model: &StoredModel) -> [String; 5] {
    let record = &model.record;
    let place = match (&record.runs_as, &record.converted_from) {
        (Some(other), _) => format!("here, runs as {other}"),
        (None, Some(from)) => format!("here, made from {}", from.name),
        (None, None) => "here".to_owned(),
    };
    [
        record.name.clone(),
        record.format.clone(),
        record.size.to_string(),
        parameters(&model.file.shape),
        place,
    ]
}

fn absent_row(entry: &CatalogEntry) -> [String; 5] {
    let size = entry.origins.iter().find_map(|origin| origin.size);
    [
        entry.name.to_owned(),
        entry.shape.format.clone(),
        size.map_or_else(|| "–".to_owned(), |size| size.to_string()),
        parameters(&entry.shape),
        "not here".to_owned(),
    ]
}

/// Whose cache a model lies in, and where.
pub fn place(model: &FoundModel) -> String {
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
        place(model),
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

/// A model's shape and what a slot of it costs.
pub fn shape(shape: &ModelShape) -> String {
    let window = shape.layers.iter().filter_map(|layer| layer.window).max();
    let mut lines = vec![
        ("architecture", shape.architecture.clone()),
        ("parameters", parameters(shape)),
        ("weights", format!("{} as {}", shape.weights_bytes, shape.format)),
        ("layers", shape.layers.len().to_string()),
        ("vocabulary", shape.vocabulary.to_string()),
        ("context", format!("{} tokens in training", shape.context_trained)),
    ];
    if let Some((experts, used)) = shape.experts {
        lines.push(("experts", format!("{experts}, {used} used per token")));
    }
    if let Some(recurrent) = shape.recurrent {
        let (layers, bytes) = (recurrent.layers, recurrent.bytes());
        lines.push(("state", format!("{bytes} a slot in {layers} recurrent layers")));
    }
    if let Some(window) = window {
        lines.push(("window", format!("{window} tokens in some layers")));
    }
    let mut text: Vec<String> =
        lines.iter().map(|(name, value)| format!("{name:<14}{value}")).collect();
    let row = |context: u32| {
        let kv = |kv_type| {
            let held = KvCost::of(shape, kv_type).read(Tokens(context));
            let state = shape.recurrent.map_or(Bytes::ZERO, RecurrentState::bytes);
            held.saturating_sub(state).to_string()
        };
        [context.to_string(), kv(KvType::F16), kv(KvType::Q8_0)]
    };
    text.push(String::new());
    let header = ["context", "KV of a slot, f16", "q8_0"];
    text.push(table(header, &[0, 1, 2], CONTEXTS.map(row)));
    text.join("\n")
}
