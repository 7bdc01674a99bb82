//! API keys as text. The keys themselves are not stored and cannot be shown.

use harmonic_app::keyring::KeyEntry;

use crate::table::table;

/// Table with a row per key.
pub fn text(keys: &[KeyEntry]) -> String {
    let row = |key: &KeyEntry| {
        let limit = key.per_minute.map_or_else(|| "no limit".to_owned(), |n| n.to_string());
        [key.name.clone(), limit]
    };
    table(["key", "requests per minute"], &[1], keys.iter().map(row))
}
