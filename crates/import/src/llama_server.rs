//! The settings of one llama-server: flags of its command line, variables, keys of a preset.
//!
//! Owns: what they mean together for an agent, above all its context.
//!
//! Does not do: split a command into words, expand macros, read presets.

mod command;
mod flag;
mod setting;

use std::path::Path;

use harmonic_types::{SamplingOverrides, Tokens};

pub(crate) use self::command::read_words;
pub(crate) use self::flag::{Flag, of_key, of_variable};
use self::setting::Setting;
use crate::note::{NoteKind, Notes, Place, shown};
use crate::sampling_value;

/// Value of a flag.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    On,
    Text(&'a str),
}

/// Settings of one server, as far as a stack file can say them.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerSettings {
    model: Option<String>,
    hub_repo: Option<String>,
    hub_file: Option<String>,
    model_url: Option<String>,
    /// Cells of the cache; `None` where the file of the model decides.
    cells: Option<u32>,
    slot_context: Option<u32>,
    slots: Option<u32>,
    unified: Option<bool>,
    pub(crate) system: Option<String>,
    pub(crate) sampling: SamplingOverrides,
    pub(crate) thinking: Option<bool>,
    /// Whether an adapter changes the model.
    pub(crate) adapter: bool,
}

/// `on`, `enabled`, `true`, `1` or the opposites, as llama.cpp reads them.
pub(crate) fn switch(text: &str) -> Option<bool> {
    match text {
        "on" | "enabled" | "true" | "1" => Some(true),
        "off" | "disabled" | "false" | "0" => Some(false),
        _ => None,
    }
}

impl ServerSettings {
    /// Takes over a flag, or notes why not. `name` is the flag as it is written.
    pub(crate) fn set(
        &mut self,
        flag: Flag,
        name: &str,
        value: Value<'_>,
        place: &Place,
        notes: &mut Notes,
    ) {
        if let Err(reason) = self.try_set(flag, value) {
            notes.add(NoteKind::Invalid, place, name, reason);
            return;
        }
        let reason = match flag.setting {
            Setting::NotExpressed(reason) => reason,
            Setting::Slots => {
                "the plan divides slots by tier: `--slots AGENT=N` of `harmonic plan` and `up` \
                 states them"
            }
            Setting::Unified => {
                "the plan decides this for each machine: it is read for the context"
            }
            Setting::ThinkingBudget if self.thinking != Some(false) => {
                "a number of tokens for thinking is a setting of requests"
            }
            _ => return,
        };
        notes.add(NoteKind::NotExpressed, place, name, reason);
    }

    fn try_set(&mut self, flag: Flag, value: Value<'_>) -> Result<(), String> {
        let text = || match value {
            Value::Text(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
            _ => Err("invalid value: expected a text".to_owned()),
        };
        match flag.setting {
            Setting::Model => self.model = Some(text()?),
            Setting::HubRepo => self.hub_repo = Some(text()?),
            Setting::HubFile => self.hub_file = Some(text()?),
            Setting::ModelUrl => self.model_url = Some(text()?),
            Setting::System => self.system = Some(text()?),
            // 0 is the context that the model was trained for.
            Setting::Context => self.cells = Some(number(&text()?)?).filter(|cells| *cells > 0),
            Setting::SlotContext => self.slot_context = Some(number(&text()?)?),
            Setting::Slots => {
                let text = text()?;
                // -1 lets the server choose.
                self.slots = if text == "-1" { None } else { Some(number(&text)?) };
                if self.slots == Some(0) {
                    self.slots = None;
                    return Err("invalid number of slots `0`: expected at least 1".to_owned());
                }
            }
            Setting::Unified => self.unified = Some(is_on(value, flag.negated)?),
            Setting::Sampling(key) => sampling_value::set(&mut self.sampling, key, &text()?)?,
            Setting::Thinking => {
                let text = text()?;
                match switch(&text) {
                    Some(thinks) => self.thinking = Some(thinks),
                    None if text == "auto" || text == "-1" => self.thinking = None,
                    None => {
                        let text = shown(&text);
                        return Err(format!("invalid value `{text}`: expected on, off or auto"));
                    }
                }
            }
            Setting::ThinkingBudget => {
                let budget: i64 = whole(&text()?)?;
                if budget == 0 {
                    self.thinking = Some(false);
                }
            }
            Setting::TemplateArguments => self.template_arguments(&text()?)?,
            Setting::Adapter => self.adapter = true,
            Setting::NotExpressed(_) => {}
        }
        Ok(())
    }

    /// `{"enable_thinking": false}`, the one argument of templates that an agent has.
    fn template_arguments(&mut self, text: &str) -> Result<(), String> {
        let expected = "expected a JSON object whose only key is enable_thinking";
        let arguments: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(text).map_err(|_| format!("invalid arguments: {expected}"))?;
        let thinking = arguments.get("enable_thinking").and_then(serde_json::Value::as_bool);
        if thinking.is_some() {
            self.thinking = thinking;
        }
        if thinking.is_none() || arguments.len() > 1 {
            return Err(format!("other arguments of the chat template: {expected}"));
        }
        Ok(())
    }

    /// The model as a stack file names it; `None` if none is stated.
    pub(crate) fn model(&self) -> Option<String> {
        if let Some(path) = &self.model {
            return Some(as_path(path));
        }
        if let Some(repo) = &self.hub_repo {
            // A stated file replaces the quantisation.
            let name = repo.split(':').next().unwrap_or_default();
            return Some(match &self.hub_file {
                Some(file) => format!("hf:{name}/{file}"),
                None => format!("hf:{repo}"),
            });
        }
        self.model_url.clone()
    }

    /// Notes that the file of the model is looked for in another folder now.
    pub(crate) fn note_relative_path(&self, place: &Place, notes: &mut Notes) {
        if self.model.as_ref().is_some_and(|path| Path::new(path).is_relative()) {
            let reason = "a relative path: it is relative to where harmonic runs, not llama-server";
            notes.add(NoteKind::Changed, place, "model", reason);
        }
    }

    /// The context of one slot; `None` where the model's file decides.
    pub(crate) fn context(&self) -> Option<Tokens> {
        let slots = self.slots.unwrap_or(1).max(1);
        // A server that chooses the number of slots shares one pool among them.
        let shared = self.unified.unwrap_or(self.slots.is_none());
        let of_slot = self.cells.map(|cells| if shared { cells } else { cells / slots });
        let context = match (of_slot, self.slot_context) {
            (Some(cells), Some(most)) => Some(cells.min(most)),
            (cells, most) => cells.or(most),
        };
        context.filter(|context| *context > 0).map(Tokens)
    }
}

/// A path that a stack file does not read as a name.
fn as_path(path: &str) -> String {
    let is_gguf = Path::new(path).extension().is_some_and(|end| end.eq_ignore_ascii_case("gguf"));
    let is_path = is_gguf || path.contains('/') || path.starts_with(['.', '~']);
    if is_path { path.to_owned() } else { format!("./{path}") }
}

fn is_on(value: Value<'_>, negated: bool) -> Result<bool, String> {
    let on = match value {
        Value::On => true,
        Value::Text(text) => switch(text.trim())
            .ok_or_else(|| format!("invalid value `{}`: expected on or off", shown(text)))?,
    };
    Ok(on != negated)
}

fn number(text: &str) -> Result<u32, String> {
    text.parse()
        .map_err(|_| format!("invalid number `{}`: expected 0 to {}", shown(text), u32::MAX))
}

fn whole(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| format!("invalid number `{}`: expected a whole number", shown(text)))
}

#[cfg(test)]
mod tests;
