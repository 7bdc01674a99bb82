//! API keys, as text. There is nothing secret to show: the keys are not known.

use harmonic_render::table::table;

use crate::keyring::Entry;

/// A line for each.
pub fn text(keys: &[Entry]) -> String {
    let row = |key: &Entry| {
        let limit = key.per_minute.map_or_else(|| "no limit".to_owned(), |n| n.to_string());
        [key.name.clone(), limit]
    };
    table(["key", "requests a minute"], &[1], keys.iter().map(row))
}
