//! Names of tools as models see them.
//!
//! A tool's name may have dots (`workspace.read`); names of functions in the dialects of models may
//! not (`[A-Za-z0-9_-]{1,64}`), and in some chat templates a dot ends the name.
//!
//! Invariants: each tool has one shown name, no two have the same, and it does not change while the
//! tools before it stay; a shown name leads back to its tool, and any other text to itself.

use std::collections::BTreeMap;

/// Longest name of a function, in bytes.
const LONGEST: usize = 64;

/// The names of a run's tools and their shown names.
#[derive(Clone, Debug, Default)]
pub(crate) struct ToolNames<'a> {
    shown: BTreeMap<&'a str, String>,
    own: BTreeMap<String, &'a str>,
}

impl<'a> ToolNames<'a> {
    /// The shown names of tools with these names, of which each is there once.
    pub(crate) fn of(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut all = Self::default();
        for name in names {
            let plain: String = name.chars().map(allowed).collect();
            let short = &plain[..plain.len().min(LONGEST)];
            // Room for a number, so that shortened names differ, too.
            let stem = &short[..short.len().min(LONGEST - 5)];
            let numbered = (2..).map(|number| format!("{stem}_{number}"));
            let mut free = std::iter::once(short.to_owned()).chain(numbered);
            if let Some(shown) = free.find(|shown| !all.own.contains_key(shown)) {
                all.own.insert(shown.clone(), name);
                all.shown.insert(name, shown);
            }
        }
        all
    }

    /// The shown name of the tool `name`.
    pub(crate) fn shown(&self, name: &str) -> String {
        self.shown.get(name).cloned().unwrap_or_else(|| name.to_owned())
    }

    /// The tool that a model calls `called`; the same text where there is none.
    pub(crate) fn own(&self, called: &str) -> String {
        self.own.get(called).map_or(called, |name| name).to_owned()
    }
}

/// A character as it may stand in a name.
fn allowed(char: char) -> char {
    if char.is_ascii_alphanumeric() || matches!(char, '-' | '_') { char } else { '_' }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dots_become_underscores_and_equal_names_are_numbered() {
        let names = ["workspace.read", "fs.read_file", "fs_read.file", "fs_read_file"];
        let all = ToolNames::of(names);
        let shown = names.map(|name| all.shown(name));
        assert_eq!(shown, ["workspace_read", "fs_read_file", "fs_read_file_2", "fs_read_file_3"]);
        assert_eq!(all.own("fs_read_file_2"), "fs_read.file");
        assert_eq!(all.own("workspace.read"), "workspace.read");
        assert_eq!(all.own("nosuch"), "nosuch");
    }

    proptest! {
        #[test]
        fn every_name_is_shown_in_the_form_of_functions_and_leads_back(
            names in prop::collection::btree_set("[a-c_.é]{1,3}|[a-z.]{60,90}", 0..40)
        ) {
            let all = ToolNames::of(names.iter().map(String::as_str));
            let mut seen = BTreeSet::new();
            for name in &names {
                let shown = all.shown(name);
                prop_assert!((1..=64).contains(&shown.len()), "{shown}");
                prop_assert!(shown.chars().all(|char| char == allowed(char)), "{shown}");
                prop_assert_eq!(all.own(&shown), name.as_str());
                prop_assert!(seen.insert(shown));
            }
        }
    }
}
