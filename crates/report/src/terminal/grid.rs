//! Common layout of all tables.

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

/// Table with a line under the header and right-aligned figures; the first `left` columns and
/// trailing columns without a header are left-aligned text.
pub(crate) fn grid<H: AsRef<str>>(header: &[H], rows: &[Vec<String>], left: usize) -> String {
    let mut table = Table::new();
    table
        .load_style(TableStyle::new().header_separator(LineStyle::none().fill('─')))
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header.iter().map(AsRef::as_ref));
    for row in rows {
        table.add_row(row);
    }
    let words = header.iter().rev().take_while(|name| name.as_ref().is_empty()).count();
    let figures = header.len().saturating_sub(words).saturating_sub(left);
    for column in table.column_iter_mut().skip(left).take(figures) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}
