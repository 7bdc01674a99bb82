//! Macros of a llama-swap configuration: `${NAME}` in commands.
//!
//! Invariant: a text after expansion has at most [`LONGEST`] bytes.

use crate::Surroundings;
use crate::note::{NoteKind, Notes, Place};
use crate::yaml::Node;

/// Maximum bytes of a text after expansion.
const LONGEST: usize = 16 << 10;

/// Maximum macros of a model.
const MAX_MACROS: usize = 200;

/// A port for `${PORT}`, which no agent keeps.
const PORT: &str = "5800";

/// Macros in the order of their definition; a later one may contain earlier ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Macros {
    defined: Vec<(String, String)>,
}

impl Macros {
    /// These with those of `node`, which replace others of the same name in their place.
    pub(super) fn with(mut self, node: &Node, place: &Place, notes: &mut Notes) -> Self {
        let Some(entries) = node.entries() else {
            notes.add(NoteKind::Invalid, place, "macros", "expected names and values");
            return self;
        };
        for entry in entries {
            let is_full = self.defined.len() == MAX_MACROS;
            let place = place.at(entry.line);
            let Some(value) = entry.value.text().filter(|value| value.len() <= LONGEST) else {
                notes.add(NoteKind::Invalid, &place, &entry.key, "a macro: expected a short text");
                continue;
            };
            match self.defined.iter_mut().find(|(name, _)| *name == entry.key) {
                Some((_, old)) => value.clone_into(old),
                None if is_full => {
                    let reason = format!("too many macros: expected at most {MAX_MACROS}");
                    notes.add(NoteKind::Invalid, &place, &entry.key, reason);
                }
                None => self.defined.push((entry.key.clone(), value.to_owned())),
            }
        }
        self
    }

    /// `text` of the model `id` with all macros expanded; one that is not defined remains.
    ///
    /// # Errors
    /// If it becomes too long.
    pub(super) fn expand(
        &self,
        text: &str,
        id: &str,
        surroundings: &Surroundings<'_>,
    ) -> Result<String, String> {
        let mut text = text.to_owned();
        // The last one first, as it may contain others.
        for (name, value) in self.defined.iter().rev() {
            text = replaced(&text, name, value)?;
        }
        let own = [("MODEL_ID", Some(id)), ("PORT", Some(PORT)), ("env.HOME", surroundings.home)];
        for (name, value) in own {
            if let Some(value) = value {
                text = replaced(&text, name, value)?;
            }
        }
        Ok(text)
    }
}

fn replaced(text: &str, name: &str, value: &str) -> Result<String, String> {
    let pattern = format!("${{{name}}}");
    let count = text.matches(&pattern).count();
    if text.len() + count * value.len() > LONGEST {
        return Err(format!("it is too long with its macros: expected at most {LONGEST} bytes"));
    }
    Ok(text.replace(&pattern, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn macros(text: &str) -> Macros {
        let node = yaml::parse(text, "x").unwrap();
        Macros::default().with(&node, &Place::line(1), &mut Notes::new("x"))
    }

    #[test]
    fn macros_are_expanded_within_others_and_a_model_replaces_their_values() {
        let own = yaml::parse("ctx: 1\nnew: 2", "x").unwrap();
        let all = macros("ctx: 4096\nargs: -c ${ctx} --port ${PORT}").with(
            &own,
            &Place::line(1),
            &mut Notes::new("x"),
        );
        let surroundings = Surroundings { home: Some("/home/me"), ..Surroundings::default() };
        let expanded =
            all.expand("${args} ${new} ${MODEL_ID} ${env.HOME} ${env.KEY}", "m", &surroundings);
        assert_eq!(expanded.unwrap(), "-c 1 --port 5800 2 m /home/me ${env.KEY}");
    }

    #[test]
    fn macros_that_multiply_are_refused() {
        let lines = (1..100).map(|at| format!("m{at}: ${{m{}}}${{m{}}}\n", at - 1, at - 1));
        let all = macros(&format!("m0: xxxx\n{}", lines.collect::<String>()));
        let error = all.expand("${m99}", "m", &Surroundings::default()).unwrap_err();
        assert!(error.contains("too long with its macros"), "{error}");
    }
}
