//! The installed models of an Ollama store, each an agent.
//!
//! Owns: the layout of a store (manifests by name, blobs by digest) and what the layers of a model
//! mean. Invariant: of the blobs, those are opened whose digest a manifest states, and of those the
//! small ones; a digest is a digest before it is part of a path.
//!
//! Does not do: read weights.

mod manifest;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::MAX_TEXT;
use crate::agent_draft::{AgentDraft, Program, complete};
use crate::error::ImportError;
use crate::imported::Imported;
use crate::note::{NoteKind, Notes, Place};
use crate::ollama::set_parameter;

use self::manifest::{Config, Layer, Manifest};

/// Folders of host, namespace and model above the file of a tag.
const DEPTH: usize = 4;

/// Maximum entries of folders that are looked at.
const MAX_ENTRIES: usize = 100_000;

/// The models of the store in the folder `root`.
///
/// # Errors
/// If it is no store, or has too many models.
pub fn ollama_store(root: &Path) -> Result<Imported, ImportError> {
    let no_store = || ImportError::NoStore { path: root.to_owned() };
    let root = root.canonicalize().map_err(|_| no_store())?;
    let manifests = root.join("manifests");
    if !manifests.is_dir() {
        return Err(no_store());
    }
    let origin = root.display().to_string();
    let mut files = Vec::new();
    let mut left = MAX_ENTRIES;
    list(&manifests, &mut Vec::new(), &mut left, &mut files)?;
    ImportError::check_models(files.len(), &origin)?;
    files.sort();
    let mut notes = Notes::new(&origin);
    let mut drafts = Vec::new();
    for (name, file) in files {
        let place = Place::of(&name, None);
        match draft(&root, &name, &file, &place, &mut notes) {
            Ok(draft) => drafts.push(draft),
            Err(reason) => notes.add(NoteKind::LeftOut, &place, &name, reason),
        }
    }
    Ok(complete("ollama", Program::Ollama, drafts, notes))
}

/// Names and manifests below `folder`, at [`DEPTH`].
fn list(
    folder: &Path,
    parts: &mut Vec<String>,
    left: &mut usize,
    found: &mut Vec<(String, PathBuf)>,
) -> Result<(), ImportError> {
    let failed = |source| ImportError::List { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let Some(rest) = left.checked_sub(1) else {
            let reason = format!("more than {MAX_ENTRIES} files and folders");
            return Err(ImportError::Excessive { origin: folder.display().to_string(), reason });
        };
        *left = rest;
        let path = entry.path();
        parts.push(entry.file_name().to_string_lossy().into_owned());
        if parts.len() == DEPTH {
            found.push((shown_name(parts), path));
        } else if path.is_dir() {
            list(&path, parts, left, found)?;
        }
        parts.pop();
    }
    Ok(())
}

/// The name as Ollama shows it, without its own registry and the namespace `library`.
fn shown_name(parts: &[String]) -> String {
    let [host, namespace, model, tag] = parts else { return parts.join("/") };
    match (host.as_str(), namespace.as_str()) {
        ("registry.ollama.ai", "library") => format!("{model}:{tag}"),
        ("registry.ollama.ai", namespace) => format!("{namespace}/{model}:{tag}"),
        (host, namespace) => format!("{host}/{namespace}/{model}:{tag}"),
    }
}

/// The agent of a manifest; otherwise why its model is left out.
fn draft(
    root: &Path,
    name: &str,
    file: &Path,
    place: &Place,
    notes: &mut Notes,
) -> Result<AgentDraft, String> {
    let text = small_file(file).map_err(|why| format!("its manifest {why}"))?;
    let manifest: Manifest = serde_json::from_slice(&text)
        .map_err(|_| "its manifest is invalid: expected a JSON object with layers".to_owned())?;
    if let Some(layer) = &manifest.config {
        check_config(root, layer, place, notes)?;
    }
    // `:latest` says nothing in the name of an agent.
    let mut draft = AgentDraft {
        name: name.strip_suffix(":latest").unwrap_or(name).to_owned(),
        ..AgentDraft::default()
    };
    for layer in &manifest.layers {
        let kind = layer.kind();
        match kind {
            "model" if !draft.model.is_empty() => {
                return Err("its weights are in several files".to_owned());
            }
            "model" => draft.model = weights(root, layer)?,
            "adapter" => return Err("it needs an adapter, which is not supported".to_owned()),
            "projector" => {
                return Err("it needs a projector (images), which is not supported".to_owned());
            }
            "tensor" | "json" => return Err("its weights are not in the format GGUF".to_owned()),
            "system" => match blob_text(root, layer) {
                Ok(text) => draft.system = text,
                Err(why) => notes.add(NoteKind::Invalid, place, kind, why),
            },
            "params" => parameters(root, layer, &mut draft, place, notes),
            _ => match reason(kind) {
                Some(reason) => notes.add(NoteKind::NotExpressed, place, kind, reason),
                None => notes.add(NoteKind::Unknown, place, kind, "an unknown kind of layer"),
            },
        }
    }
    if draft.model.is_empty() {
        return Err("it has no weights".to_owned());
    }
    Ok(draft)
}

/// Why a stack file says nothing about a kind of layer.
fn reason(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "template" | "prompt" => "the chat template of the model's file is used",
        "license" => "the licence stays with the model",
        "messages" => "an agent has no examples of a conversation: clients send messages",
        "draft" => "drafts of a smaller model are not supported",
        _ => return None,
    })
}

/// Refuses models of other kinds.
fn check_config(
    root: &Path,
    layer: &Layer,
    place: &Place,
    notes: &mut Notes,
) -> Result<(), String> {
    let config: Config = match blob_text(root, layer) {
        Ok(text) => serde_json::from_str(&text).map_err(|_| "its config is invalid".to_owned())?,
        Err(why) => {
            notes.add(NoteKind::Invalid, place, "config", why);
            return Ok(());
        }
    };
    if config.is_remote() {
        return Err(
            "it runs on another machine: `--engine remote=URL` uses such a server".to_owned()
        );
    }
    if !config.is_gguf() {
        return Err("its weights are not in the format GGUF".to_owned());
    }
    for key in config.formats() {
        let reason = "the chat template of the model's file is used";
        notes.add(NoteKind::NotExpressed, place, key, reason);
    }
    Ok(())
}

/// Path of the weights.
fn weights(root: &Path, layer: &Layer) -> Result<String, String> {
    let path = layer.blob(root).ok_or("the digest of its weights is invalid")?;
    if !path.is_file() {
        return Err("its weights are not in the store: `ollama pull` fetches them".to_owned());
    }
    let text = path.to_str().ok_or("the path of its weights is not UTF-8")?;
    Ok(text.to_owned())
}

fn parameters(
    root: &Path,
    layer: &Layer,
    draft: &mut AgentDraft,
    place: &Place,
    notes: &mut Notes,
) {
    let parameters = blob_text(root, layer).and_then(|text| {
        serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text)
            .map_err(|_| "it is invalid: expected a JSON object".to_owned())
    });
    match parameters {
        Ok(parameters) => {
            for (name, value) in parameters {
                let text = match value {
                    serde_json::Value::String(text) => text,
                    other => other.to_string(),
                };
                set_parameter(draft, &name, &text, place, notes);
            }
        }
        Err(why) => notes.add(NoteKind::Invalid, place, "params", why),
    }
}

/// The text of a small blob; otherwise what is wrong with it.
fn blob_text(root: &Path, layer: &Layer) -> Result<String, String> {
    let path = layer.blob(root).ok_or("its digest is invalid")?;
    String::from_utf8(small_file(&path)?).map_err(|_| "it is not UTF-8".to_owned())
}

/// The content of a regular file up to [`MAX_TEXT`]; otherwise what is wrong with it.
fn small_file(path: &Path) -> Result<Vec<u8>, String> {
    // Opening a pipe would wait.
    if !path.is_file() {
        return Err("is not in the store".to_owned());
    }
    let mut content = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_TEXT + 1).read_to_end(&mut content));
    read.map_err(|error| format!("cannot be read: {error}"))?;
    if content.len() as u64 > MAX_TEXT {
        return Err(format!("is too long: expected at most {MAX_TEXT} bytes"));
    }
    Ok(content)
}

#[cfg(test)]
mod tests;
