//! Labelled values in answers: `LABEL: VALUE`, each on a line of its own.

use std::collections::BTreeMap;

use super::number::{after_label, first};

/// The values of `labels` in `answer`; of several lines with one label the last counts.
pub(super) fn values<'a>(
    answer: &str,
    labels: impl Iterator<Item = &'a String> + Clone,
) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for line in answer.lines() {
        let line = line.trim().trim_start_matches(['-', '*', '•', '_', '`', '#', '>', ' ']);
        let value = labels.clone().find_map(|label| {
            let value = after_label(line, label).and_then(first)?;
            Some((label.clone(), value))
        });
        found.extend(value);
    }
    found
}
