//! Memory of models at several numbers of slots, in the format of the paper's §5.3.

use harmonic_layout::{Column, Table, Width};
use harmonic_planner::{MemoryRow, PlanOptions};
use serde_json::{Value, json};

use super::gb;

/// Schema of the JSON form.
const SCHEMA: &str = "harmonic.memory-table/1";

/// Table with one line per row.
pub fn memory_table(rows: &[MemoryRow], slots: &[u32; 3], width: Width) -> String {
    let totals = slots.map(|count| format!("@{count}x"));
    let figures = ["Context", "Base", "KV/slot"].map(str::to_owned).into_iter().chain(totals);
    let columns = [Column::text("Model")].into_iter().chain(figures.map(Column::figure));
    let row = |row: &MemoryRow| {
        let total = |index: usize| row.totals.get(index).copied().map_or_else(String::new, gb);
        [
            row.model.clone(),
            row.context.map_or_else(|| "any".to_owned(), |context| context.to_string()),
            gb(row.base),
            gb(row.kv_per_slot),
            total(0),
            total(1),
            total(2),
        ]
    };
    Table::new(columns, rows.iter().map(row)).text(width)
}

/// The table as JSON.
pub fn memory_table_json(rows: &[MemoryRow], options: &PlanOptions, slots: &[u32]) -> Value {
    let row = |row: &MemoryRow| {
        let totals = slots.iter().zip(&row.totals);
        let totals = totals.map(|(count, bytes)| json!({"slots": count, "bytes": bytes}));
        json!({
            "model": row.model,
            "context": row.context,
            "base_bytes": row.base,
            "kv_per_slot_bytes": row.kv_per_slot,
            "totals": totals.collect::<Vec<_>>(),
        })
    };
    json!({
        "schema": SCHEMA,
        "budget": options.budget,
        "kv_type": options.kv_type,
        "rows": rows.iter().map(row).collect::<Vec<_>>(),
    })
}
