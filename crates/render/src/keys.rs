//! API keys, as text. There is nothing secret to show: the keys are not known.

use harmonic_app::keyring::KeyEntry;

use crate::table::table;

/// A line for each.
pub fn text(keys: &[KeyEntry]) -> String {
    let row = |key: &KeyEntry| {
        let limit = key.per_minute.map_or_else(|| "no limit".to_owned(), |n| n.to_string());
        [key.name.clone(), limit]
    };
    table(["key", "requests a minute"], &[1], keys.iter().map(row))
}
