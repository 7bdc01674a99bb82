//! API keys as text. The keys themselves are not stored and cannot be shown.

use harmonic_app::keyring::KeyEntry;
use harmonic_layout::{Column, Table, Width};

/// Table with a row per key.
pub fn text(keys: &[KeyEntry], width: Width) -> String {
    let row = |key: &KeyEntry| {
        let limit = key.per_minute.map_or_else(|| "no limit".to_owned(), |n| n.to_string());
        let approves = if key.may_approve_commands { "yes" } else { "no" };
        [key.name.clone(), limit, approves.to_owned()]
    };
    let columns = [
        Column::text("key"),
        Column::figure("requests per minute"),
        Column::text("approves commands"),
    ];
    Table::new(columns, keys.iter().map(row)).text(width)
}
