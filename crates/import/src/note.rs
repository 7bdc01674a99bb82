//! What an import did not take over, or chose by itself.
//!
//! Invariant: a text of a note has at most [`LONGEST`] characters of the source at a place, and no
//! control or direction characters.

use std::fmt;

use serde::Serialize;

/// Maximum characters quoted from the source at one place.
const LONGEST: usize = 80;

/// Reason for a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoteKind {
    /// A model that is not in the stack.
    LeftOut,
    /// A setting that the other program does not have, or only another version of it.
    Unknown,
    /// A value outside the limits here, or of another form.
    Invalid,
    /// A setting without an equivalent in a stack file.
    NotExpressed,
    /// A value that the source does not state and a stack file requires.
    Assumed,
    /// A value that is written differently.
    Changed,
}

impl NoteKind {
    /// Heading of the notes of this kind.
    pub const fn title(self) -> &'static str {
        match self {
            Self::LeftOut => "left out",
            Self::Unknown => "unknown",
            Self::Invalid => "invalid",
            Self::NotExpressed => "not in a stack file",
            Self::Assumed => "assumed",
            Self::Changed => "changed",
        }
    }
}

/// One setting or model that was not taken over as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Reason.
    pub kind: NoteKind,
    /// File, or model of a store.
    pub origin: String,
    /// Line in the file, from 1; `None` where there is none.
    pub line: Option<usize>,
    /// Name of the model there; `None` for a setting of all.
    pub model: Option<String>,
    /// The setting or the model.
    pub subject: String,
    /// Why, and what to do instead.
    pub reason: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.subject)?;
        if let Some(model) = self.model.as_ref().filter(|model| **model != self.subject) {
            write!(f, " of {model}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// Place of a setting.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) line: Option<usize>,
    pub(crate) model: Option<String>,
}

impl Place {
    pub(crate) fn line(line: usize) -> Self {
        Self { line: Some(line), model: None }
    }

    pub(crate) fn of(model: &str, line: Option<usize>) -> Self {
        Self { line, model: Some(model.to_owned()) }
    }

    pub(crate) fn at(&self, line: usize) -> Self {
        Self { line: Some(line), ..self.clone() }
    }
}

/// The notes of one text.
#[derive(Debug)]
pub(crate) struct Notes {
    origin: String,
    pub(crate) list: Vec<Note>,
}

impl Notes {
    pub(crate) fn new(origin: &str) -> Self {
        Self { origin: printable(origin, usize::MAX), list: Vec::new() }
    }

    pub(crate) fn add(
        &mut self,
        kind: NoteKind,
        place: &Place,
        subject: &str,
        reason: impl Into<String>,
    ) {
        self.list.push(Note {
            kind,
            origin: self.origin.clone(),
            line: place.line,
            model: place.model.as_deref().map(shown),
            subject: shown(subject),
            reason: reason.into(),
        });
    }
}

/// `text` as it is quoted in a note.
pub(crate) fn shown(text: &str) -> String {
    printable(text, LONGEST)
}

fn printable(text: &str, longest: usize) -> String {
    let mut printable = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == longest {
            printable.push('…');
            break;
        }
        if is_plain(character) {
            printable.push(character);
        } else {
            printable.extend(character.escape_unicode());
        }
    }
    printable
}

/// Whether a terminal shows `character` as itself: not a control character, and not one that
/// changes the direction or the place of others.
fn is_plain(character: char) -> bool {
    !character.is_control()
        && !matches!(character,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_short_and_cannot_control_a_terminal() {
        assert_eq!(shown("a\u{1b}[2Jb\u{202e}"), "a\\u{1b}[2Jb\\u{202e}");
        assert_eq!(shown(&"x".repeat(99)), "x".repeat(80) + "…");
        assert_eq!(shown("käse 3"), "käse 3");
    }

    #[test]
    fn a_note_names_file_line_setting_and_model() {
        let mut notes = Notes::new("config.yaml");
        notes.add(NoteKind::Unknown, &Place::of("m", Some(3)), "ttl", "why");
        notes.add(NoteKind::LeftOut, &Place::of("m", None), "m", "why");
        let shown: Vec<String> = notes.list.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["config.yaml:3: ttl of m: why", "config.yaml: m: why"]);
    }
}
