//! What an import took over, and what it did not.

use harmonic_app::import::{Imported, Note, NoteKind};
use harmonic_layout::Width;
use harmonic_types::StackSpec;
use serde::Serialize;

use crate::lines::list_item;

/// Kinds of notes in the order in which they are shown.
const KINDS: [NoteKind; 6] = [
    NoteKind::LeftOut,
    NoteKind::Unknown,
    NoteKind::Invalid,
    NoteKind::NotExpressed,
    NoteKind::Changed,
    NoteKind::Assumed,
];

/// The agents and all notes, by kind.
pub fn report(imported: &Imported, width: Width) -> String {
    let agents = imported.stack.iter().flat_map(|stack| &stack.agents);
    let names: Vec<&str> = agents.map(|agent| agent.name.0.as_str()).collect();
    let mut lines = Vec::new();
    if !names.is_empty() {
        lines.push(format!("imported {}: {}", names.len(), names.join(", ")));
    }
    for kind in KINDS {
        let notes = imported.notes.iter().filter(|note| note.kind == kind);
        let items: Vec<String> = notes.map(|note| list_item(&note.to_string(), width)).collect();
        if !items.is_empty() {
            lines.push(format!("{}:", kind.title()));
            lines.extend(items);
        }
    }
    lines.join("\n")
}

/// Document of an import. A struct, since numbers of a [`serde_json::Value`] are shown with the
/// digits of another precision.
#[derive(Debug, Serialize)]
pub struct ImportDocument<'a> {
    schema: &'static str,
    /// `None` where nothing was understood.
    stack_file: Option<String>,
    stack: Option<&'a StackSpec>,
    notes: &'a [Note],
}

/// The stack file and all notes.
pub fn document(imported: &Imported) -> ImportDocument<'_> {
    ImportDocument {
        schema: "harmonic.import/1",
        stack_file: imported.text(),
        stack: imported.stack.as_ref(),
        notes: &imported.notes,
    }
}
