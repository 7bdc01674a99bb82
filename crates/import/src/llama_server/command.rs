//! The words of a command line of llama-server.

use super::flag::{self, Values};
use super::{ServerSettings, Value};
use crate::note::{NoteKind, Notes, Place};

/// Takes over the flags in `words`, which follow the name of the program.
pub(crate) fn read_words(
    words: &[String],
    settings: &mut ServerSettings,
    place: &Place,
    notes: &mut Notes,
) {
    let mut words = words.iter().map(String::as_str).peekable();
    while let Some(word) = words.next() {
        let Some(flag) = flag::of_word(word) else {
            let mut reason = "llama-server has no such flag".to_owned();
            if !word.starts_with('-') {
                "a word that belongs to no flag".clone_into(&mut reason);
            } else if !word.contains('=') && words.next_if(|next| !is_flag(next)).is_some() {
                reason.push_str("; the word after it is taken as its value");
            }
            // A value may be a secret; the name of a flag is not.
            let name = word.split('=').next().unwrap_or_default();
            let subject = if word.starts_with('-') { name } else { "a word of the command" };
            notes.add(NoteKind::Unknown, place, subject, reason);
            continue;
        };
        let missing = |notes: &mut Notes| {
            notes.add(NoteKind::Invalid, place, word, "missing value at the end of the command");
        };
        let value = match flag.values {
            Values::None => Some(Value::On),
            Values::One => words.next().map(Value::Text),
            Values::Two => words.next().and_then(|_| words.next()).map(Value::Text),
            Values::Optional => {
                let next = words.next_if(|next| super::switch(next).is_some() || *next == "auto");
                Some(next.map_or(Value::On, Value::Text))
            }
        };
        match value {
            Some(value) => settings.set(flag, word, value, place, notes),
            None => missing(notes),
        }
    }
}

/// Whether `word` is a flag and not a value: a negative number is none.
fn is_flag(word: &str) -> bool {
    let mut rest = word.chars();
    rest.next() == Some('-') && !rest.next().is_some_and(|c| c.is_ascii_digit() || c == '.')
}
