//! Presets of llama-server's router: an INI file, a section for each model.
//!
//! Owns: the form (sections, keys, comments) and the meaning of the sections: `[*]` is for all
//! models, keys before the first section are of a model called `default`, and a section that states
//! no model is called by one of the hub.

use std::collections::HashMap;

use crate::agent_draft::{AgentDraft, Program, complete};
use crate::error::ImportError;
use crate::imported::Imported;
use crate::llama_server::{ServerSettings, Value, of_key};
use crate::note::{NoteKind, Notes, Place};

/// Section with settings of all models.
const ALL: &str = "*";

/// Section of the keys before the first header.
const FIRST: &str = "default";

/// Version of the format, which llama-server skips.
const VERSION: &str = "version";

/// Keys of the router, which are no flags of a server.
const ROUTER: [&str; 3] = ["load-on-startup", "stop-timeout", "dedup-cache-models"];

/// A key of a section.
#[derive(Debug)]
struct Entry<'a> {
    line: usize,
    key: &'a str,
    value: &'a str,
}

/// A section with its keys.
#[derive(Debug)]
struct Section<'a> {
    line: usize,
    name: &'a str,
    entries: Vec<Entry<'a>>,
}

/// The models in the presets `text`; `origin` names it in notes and errors.
///
/// # Errors
/// If a line is neither a section, a key with a value, nor a comment.
pub fn presets(text: &str, origin: &str) -> Result<Imported, ImportError> {
    ImportError::check_length(text, origin)?;
    let mut notes = Notes::new(origin);
    let sections = sections(text, origin)?;
    let (all, models): (Vec<_>, Vec<_>) =
        sections.into_iter().partition(|section| section.name == ALL);
    let mut common = ServerSettings::default();
    for section in latest(all, &mut notes) {
        read(&section, &mut common, &Place::line(section.line), &mut notes);
    }
    let mut models = latest(models, &mut notes);
    models.retain(|section| section.name != FIRST || !section.entries.is_empty());
    ImportError::check_models(models.len(), origin)?;
    let mut drafts = Vec::new();
    for section in models {
        let mut settings = common.clone();
        let place = Place::of(section.name, Some(section.line));
        read(&section, &mut settings, &place, &mut notes);
        let model = settings.model().or_else(|| of_hub(section.name));
        let left_out = match (&model, settings.adapter) {
            (_, true) => Some("it needs an adapter, which is not supported"),
            (None, _) => Some("no model is stated: expected `model` or `hf-repo`"),
            (Some(_), false) => None,
        };
        if let Some(reason) = left_out {
            notes.add(NoteKind::LeftOut, &place, section.name, reason);
            continue;
        }
        settings.note_relative_path(&place, &mut notes);
        drafts.push(AgentDraft {
            name: section.name.to_owned(),
            line: Some(section.line),
            model: model.unwrap_or_default(),
            context: settings.context(),
            system: settings.system.unwrap_or_default(),
            sampling: settings.sampling,
            thinking: settings.thinking,
            ..AgentDraft::default()
        });
    }
    Ok(complete("llama-server", Program::LlamaServer, drafts, notes))
}

fn read(section: &Section<'_>, settings: &mut ServerSettings, place: &Place, notes: &mut Notes) {
    let last: HashMap<&str, usize> =
        section.entries.iter().map(|entry| (entry.key, entry.line)).collect();
    for Entry { line, key, value } in &section.entries {
        let place = place.at(*line);
        if last.get(key).is_some_and(|last| last != line) {
            notes.add(NoteKind::Changed, &place, key, "stated again below: the last one counts");
            continue;
        }
        if ROUTER.contains(key) {
            let reason = "models of a plan are loaded when the team starts";
            notes.add(NoteKind::NotExpressed, &place, key, reason);
            continue;
        }
        match of_key(key) {
            Some(flag) => settings.set(flag, key, Value::Text(value), &place, notes),
            None => notes.add(NoteKind::Unknown, &place, key, "llama-server has no such setting"),
        }
    }
}

/// `sections` without those that a later one of the same name replaces.
fn latest<'a>(sections: Vec<Section<'a>>, notes: &mut Notes) -> Vec<Section<'a>> {
    let last: HashMap<&str, usize> =
        sections.iter().map(|section| (section.name, section.line)).collect();
    let mut kept = Vec::new();
    for section in sections {
        if last.get(section.name) == Some(&section.line) {
            kept.push(section);
        } else if !section.entries.is_empty() {
            let reason = "the section is there again below: the last one counts";
            notes.add(NoteKind::Changed, &Place::line(section.line), section.name, reason);
        }
    }
    kept
}

/// A section `ORG/REPO` or `ORG/REPO:QUANT` is a model of the hub that is in llama.cpp's cache.
fn of_hub(name: &str) -> Option<String> {
    let (organisation, repository) = name.split_once('/')?;
    let repository = repository.split_once(':').map_or(repository, |(name, _)| name);
    let is_part = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    (is_part(organisation) && is_part(repository)).then(|| format!("hf:{name}"))
}

fn sections<'a>(text: &'a str, origin: &str) -> Result<Vec<Section<'a>>, ImportError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut sections = vec![Section { line: 0, name: FIRST, entries: Vec::new() }];
    for (line, written) in (1..).zip(lines(text)) {
        // A comment starts anywhere, as in llama-server.
        let written = written.split([';', '#']).next().unwrap_or_default().trim();
        let wrong = |reason: &str| ImportError::Syntax {
            origin: origin.to_owned(),
            line,
            reason: reason.to_owned(),
        };
        if written.is_empty() {
            continue;
        }
        if let Some(rest) = written.strip_prefix('[') {
            let name = rest.strip_suffix(']').filter(|name| !name.contains(']'));
            let name = name.ok_or_else(|| wrong("invalid section: expected `[NAME]`"))?.trim();
            if name.is_empty() {
                return Err(wrong("invalid section: expected a name in the brackets"));
            }
            sections.push(Section { line, name, entries: Vec::new() });
            continue;
        }
        let expected = "expected `[NAME]`, `key = value` or a comment";
        let (key, value) = written.split_once('=').ok_or_else(|| wrong(expected))?;
        let key = key.trim();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        if key.is_empty() || !key.chars().all(is_plain) {
            return Err(wrong(
                "invalid key: expected letters, digits, `_`, `.` and `-` before `=`",
            ));
        }
        if let Some(section) = sections.last_mut().filter(|_| key != VERSION) {
            section.entries.push(Entry { line, key, value: value.trim() });
        }
    }
    Ok(sections)
}

/// Lines that end with `\n`, `\r\n` or `\r`.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_terminator('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

#[cfg(test)]
mod tests;
