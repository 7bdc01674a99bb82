//! Ollama's Modelfiles, each an agent.
//!
//! Owns: what their instructions mean. A Modelfile that this program emitted has a comment with what
//! Ollama does not know of an agent (its tier, for instance), so that it can be read back.

mod agent_comment;
mod instructions;

use std::ffi::OsStr;
use std::path::Path;

use crate::Surroundings;
use crate::agent_draft::{AgentDraft, Program, complete};
use crate::error::ImportError;
use crate::imported::Imported;
use crate::note::{NoteKind, Notes, Place};
use crate::ollama::{base_model, set_parameter};

use self::instructions::{Instruction, Kind, instructions};

/// The text of a Modelfile, and where it is.
#[derive(Clone, Copy, Debug)]
pub struct Modelfile<'a> {
    /// Path of the file: its name gives the agent's, its folder is that of relative paths.
    pub path: &'a Path,
    /// Content.
    pub text: &'a str,
}

/// The agents of Modelfiles.
///
/// # Errors
/// If one is not a Modelfile.
pub fn modelfiles(
    files: &[Modelfile<'_>],
    surroundings: &Surroundings<'_>,
) -> Result<Imported, ImportError> {
    let mut all = Notes::new("Modelfiles");
    let mut drafts = Vec::new();
    ImportError::check_models(files.len(), "Modelfiles")?;
    for file in files {
        let origin = file.path.display().to_string();
        ImportError::check_length(file.text, &origin)?;
        let mut notes = Notes::new(&origin);
        drafts.extend(draft(file, &origin, surroundings, &mut notes)?);
        all.list.append(&mut notes.list);
    }
    Ok(complete("modelfile", Program::Ollama, drafts, all))
}

/// The agent's name: `coder` of `coder.Modelfile` and of `Modelfile.coder`, and the folder's of a file
/// called `Modelfile`.
fn name(path: &Path) -> String {
    const WORD: &str = "modelfile";
    let text = |part: Option<&OsStr>| part.map(|part| part.to_string_lossy().into_owned());
    let file = text(path.file_name()).unwrap_or_default();
    // The same length, so that a place in one is a place in the other.
    let lower = file.to_ascii_lowercase();
    let stem = if lower.ends_with(WORD) {
        file[..file.len() - WORD.len()].trim_end_matches(['.', '-', '_']).to_owned()
    } else if lower.starts_with("modelfile.") {
        file[WORD.len() + 1..].to_owned()
    } else {
        text(path.file_stem()).unwrap_or_default()
    };
    let folder = || text(path.parent().and_then(Path::file_name));
    if stem.is_empty() { folder().unwrap_or_default() } else { stem }
}

fn draft(
    file: &Modelfile<'_>,
    origin: &str,
    surroundings: &Surroundings<'_>,
    notes: &mut Notes,
) -> Result<Option<AgentDraft>, ImportError> {
    let folder = file.path.parent().unwrap_or(Path::new(""));
    let name = name(file.path);
    let mut draft = AgentDraft { name: name.clone(), ..AgentDraft::default() };
    let mut left_out = None;
    let mut message_system = None;
    let mut comment = None;
    let mut seen: Vec<Kind> = Vec::new();
    for instruction in instructions(file.text, origin)? {
        let Instruction { line, kind, name: key, value } = instruction;
        let place = Place::of(&name, Some(line));
        if kind.is_single() && seen.contains(&kind) {
            let reason = "stated more than once: the last one counts";
            notes.add(NoteKind::Changed, &place, &key, reason);
        }
        if kind.is_single() && !seen.contains(&kind) {
            seen.push(kind);
        }
        match kind {
            Kind::From => draft.model = base_model(&value, folder, surroundings),
            Kind::System => draft.system = value,
            Kind::Parameter => set_parameter(&mut draft, &key, &value, &place, notes),
            Kind::Message if key == "system" => message_system = Some(value),
            Kind::Message => {
                let reason = "an agent has no examples of a conversation: clients send messages";
                notes.add(NoteKind::NotExpressed, &place, "MESSAGE", reason);
            }
            Kind::Comment => match agent_comment::parse(&value) {
                Ok(found) => comment = found.or(comment),
                Err(reason) => notes.add(NoteKind::Invalid, &place, "# harmonic", reason),
            },
            Kind::Adapter => left_out = Some("it needs an adapter, which is not supported"),
            Kind::NotExpressed(reason) => {
                notes.add(NoteKind::NotExpressed, &place, &key, reason);
            }
            Kind::Unknown => {
                notes.add(NoteKind::Unknown, &place, &key, "Ollama has no such instruction");
            }
        }
    }
    if !seen.contains(&Kind::From) {
        let reason = "no FROM: expected the base model, such as `FROM qwen3:4b`".to_owned();
        return Err(ImportError::Syntax { origin: origin.to_owned(), line: 1, reason });
    }
    if let Some(comment) = comment {
        comment.apply(&mut draft);
    }
    if !seen.contains(&Kind::System) {
        draft.system = message_system.unwrap_or_default();
    } else if message_system.is_some() {
        let reason = "SYSTEM is the system prompt";
        notes.add(NoteKind::NotExpressed, &Place::of(&name, None), "MESSAGE system", reason);
    }
    if let Some(reason) = left_out {
        notes.add(NoteKind::LeftOut, &Place::of(&name, None), &name, reason);
        return Ok(None);
    }
    Ok(Some(draft))
}

#[cfg(test)]
mod tests;
