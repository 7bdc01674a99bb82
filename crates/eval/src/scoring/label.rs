//! Labelled values in answers: `LABEL: VALUE`, each on a line of its own.

use std::collections::BTreeMap;

use super::number::{after_label, first};

/// The values in `answer` of the labels of `right`; of several lines with one label the last counts.
pub(super) fn values(answer: &str, right: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for line in answer.lines() {
        let line = line.trim().trim_start_matches(['-', '*', '•', '_', '`', '#', '>', ' ']);
        let value = right.keys().find_map(|label| {
            let value = after_label(line, label).and_then(first)?;
            Some((label.clone(), value))
        });
        found.extend(value);
    }
    found
}
