//! Configurations of llama-swap: YAML, a model for each command.
//!
//! Owns: what the keys mean. A model is an agent if its command starts llama-server.
//!
//! Does not do: run commands, read variables of the environment.

mod macros;
mod unused_keys;

use crate::Surroundings;
use crate::agent_draft::{AgentDraft, Program, complete};
use crate::error::ImportError;
use crate::imported::Imported;
use crate::llama_server::{ServerSettings, Value, of_variable, read_words};
use crate::note::{NoteKind, Notes, Place};
use crate::sampling_value::{self, SamplingKey};
use crate::yaml::{self, Entry, Node};

use self::macros::Macros;

/// The models of the configuration `text`; `origin` names it in notes and errors.
///
/// # Errors
/// If it is not YAML, or not a configuration of llama-swap.
pub fn llama_swap(
    text: &str,
    origin: &str,
    surroundings: &Surroundings<'_>,
) -> Result<Imported, ImportError> {
    ImportError::check_length(text, origin)?;
    let root = yaml::parse(text, origin)?;
    let wrong = |line: usize, reason: &str| ImportError::Syntax {
        origin: origin.to_owned(),
        line,
        reason: reason.to_owned(),
    };
    let expected = "expected a configuration of llama-swap: a mapping with `models`";
    let top = root.entries().ok_or_else(|| wrong(root.line, expected))?;
    let value = |key: &str| top.iter().find(|entry| entry.key == key).map(|entry| &entry.value);
    let mut notes = Notes::new(origin);
    let models = value("models").ok_or_else(|| wrong(root.line, expected))?;
    let models = models
        .entries()
        .ok_or_else(|| wrong(models.line, "invalid models: expected names and their settings"))?;
    ImportError::check_models(models.len(), origin)?;
    let mut macros = Macros::default();
    for Entry { line, key, value } in top {
        let place = Place::line(*line);
        match (key.as_str(), unused_keys::at_top(key)) {
            ("models", _) => {}
            ("macros", _) => macros = macros.with(value, &place, &mut notes),
            (_, Some(reason)) => notes.add(NoteKind::NotExpressed, &place, key, reason),
            (_, None) => {
                notes.add(NoteKind::Unknown, &place, key, "llama-swap has no such setting");
            }
        }
    }
    let mut drafts = Vec::new();
    for entry in models {
        let model = Model { entry, surroundings, macros: macros.clone() };
        match model.draft(&mut notes) {
            Ok(draft) => drafts.push(draft),
            Err(reason) => {
                let place = Place::of(&entry.key, Some(entry.line));
                notes.add(NoteKind::LeftOut, &place, &entry.key, reason);
            }
        }
    }
    Ok(complete("llama-swap", Program::LlamaServer, drafts, notes))
}

/// One model of the configuration.
struct Model<'a> {
    entry: &'a Entry,
    surroundings: &'a Surroundings<'a>,
    macros: Macros,
}

impl Model<'_> {
    /// Its agent; otherwise why it is left out.
    fn draft(mut self, notes: &mut Notes) -> Result<AgentDraft, String> {
        let Entry { line, key: id, value } = self.entry;
        let entries = value.entries().ok_or("expected its settings")?;
        let place = Place::of(id, Some(*line));
        let mut settings = ServerSettings::default();
        let (mut name, mut description, mut command, mut filters) = (None, None, None, None);
        for Entry { line, key, value } in entries {
            let place = place.at(*line);
            match (key.as_str(), unused_keys::of_model(key)) {
                ("macros", _) => self.macros = self.macros.with(value, &place, notes),
                ("cmd", _) => command = Some(value),
                ("name", _) => name = Some(value),
                ("description", _) => description = Some(value),
                ("filters", _) => filters = Some(value),
                // Flags of the command have precedence, so variables come first.
                ("env", _) => variables(value, &mut settings, &place, notes),
                (_, Some(reason)) => notes.add(NoteKind::NotExpressed, &place, key, reason),
                (_, None) => {
                    notes.add(NoteKind::Unknown, &place, key, "llama-swap has no such setting");
                }
            }
        }
        let command = command.ok_or("it has no command (`cmd`)")?;
        self.command(command, &mut settings, &place.at(command.line), notes)?;
        if let Some(filters) = filters {
            self.filters(filters, &mut settings, &place.at(filters.line), notes);
        }
        let model = settings.model().ok_or("its command states no model: expected -m or -hf")?;
        if settings.adapter {
            return Err("it needs an adapter, which is not supported".to_owned());
        }
        if model.contains("${") {
            return Err("its model has a macro that is not defined here; of the variables of the \
                        environment, HOME alone is read"
                .to_owned());
        }
        settings.note_relative_path(&place, notes);
        let described = description.or(name).and_then(Node::text).map(str::trim);
        let role = described.filter(|text| !text.is_empty());
        if let (Some(_), Some(name)) = (description, name) {
            let reason = "the description is the role";
            notes.add(NoteKind::NotExpressed, &place.at(name.line), "name", reason);
        }
        Ok(AgentDraft {
            name: id.clone(),
            line: Some(*line),
            model,
            context: settings.context(),
            role: role.map(one_line),
            system: settings.system.take().unwrap_or_default(),
            thinking: settings.thinking,
            sampling: settings.sampling,
            ..AgentDraft::default()
        })
    }

    fn command(
        &self,
        command: &Node,
        settings: &mut ServerSettings,
        place: &Place,
        notes: &mut Notes,
    ) -> Result<(), String> {
        let text = command.text().ok_or("its command is no text")?;
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        let text = lines.collect::<Vec<_>>().join("\n");
        let text = self.macros.expand(&text, &self.entry.key, self.surroundings);
        let text = text.map_err(|reason| format!("its command cannot be read: {reason}"))?;
        let words = shlex::split(&text).ok_or("the quotes of its command do not end")?;
        let is_assignment = |word: &String| {
            let name = word.split_once('=').map_or("", |(name, _)| name);
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        let before = words.iter().take_while(|word| *word == "env" || is_assignment(word)).count();
        let (before, words) = words.split_at(before);
        let (program, words) = words.split_first().ok_or("its command is empty")?;
        let file = program.rsplit(['/', '\\']).next().unwrap_or_default();
        if !file.starts_with("llama-server") {
            return Err("its command does not start llama-server".to_owned());
        }
        for word in before {
            if let Some((name, value)) = word.split_once('=') {
                variable(name, value, settings, place, notes);
            }
        }
        read_words(words, settings, place, notes);
        Ok(())
    }

    /// Parameters that llama-swap sets in each request are defaults of the agent.
    fn filters(
        &self,
        filters: &Node,
        settings: &mut ServerSettings,
        place: &Place,
        notes: &mut Notes,
    ) {
        let Some(filters) = filters.entries() else {
            notes.add(NoteKind::Invalid, place, "filters", "expected a mapping");
            return;
        };
        for Entry { line, key, value } in filters {
            let place = place.at(*line);
            let parameters = value.entries().filter(|_| key == "setParams");
            let Some(parameters) = parameters else {
                let known = ["stripParams", "setParams", "setParamsByID"].contains(&key.as_str());
                let (kind, reason) = if known {
                    (NoteKind::NotExpressed, "requests are not changed")
                } else {
                    (NoteKind::Unknown, "llama-swap has no such setting")
                };
                notes.add(kind, &place, &format!("filters.{key}"), reason);
                continue;
            };
            for Entry { line, key, value } in parameters {
                let (place, shown) = (place.at(*line), format!("filters.setParams.{key}"));
                let Some(key) = SamplingKey::named(key) else {
                    let reason = "requests are not changed";
                    notes.add(NoteKind::NotExpressed, &place, &shown, reason);
                    continue;
                };
                let text = value.text().unwrap_or_default();
                let expanded = self.macros.expand(text, &self.entry.key, self.surroundings);
                let set = expanded
                    .and_then(|text| sampling_value::set(&mut settings.sampling, key, &text));
                match set {
                    Ok(()) => {
                        let reason = "it is the agent's default: a request may state another value";
                        notes.add(NoteKind::Changed, &place, &shown, reason);
                    }
                    Err(reason) => notes.add(NoteKind::Invalid, &place, &shown, reason),
                }
            }
        }
    }
}

/// `env`: a list of `NAME=value`.
fn variables(node: &Node, settings: &mut ServerSettings, place: &Place, notes: &mut Notes) {
    let Some(list) = node.list() else {
        notes.add(NoteKind::Invalid, place, "env", "expected a list of `NAME=value`");
        return;
    };
    for node in list {
        let place = place.at(node.line);
        match node.text().and_then(|text| text.split_once('=')) {
            Some((name, value)) => variable(name, value, settings, &place, notes),
            None => notes.add(NoteKind::Invalid, &place, "env", "expected `NAME=value`"),
        }
    }
}

fn variable(
    name: &str,
    value: &str,
    settings: &mut ServerSettings,
    place: &Place,
    notes: &mut Notes,
) {
    if let Some(flag) = of_variable(name) {
        settings.set(flag, name, Value::Text(value), place, notes);
    } else {
        let reason = "variables of the engine's process are not in a stack file";
        notes.add(NoteKind::NotExpressed, place, name, reason);
    }
}

/// A role is one line.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
