//! The one form of our tables.

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

/// Columns under a line, figures to the right; `left` columns at the front are words, and so is
/// whatever stands in a last column without a header.
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
