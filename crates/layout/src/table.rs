//! Tables: a rule under the header, no frames.
//!
//! A table that does not fit gives way in this order:
//!
//! 1. cells of columns of text ([`Column::wraps`]) are wrapped between words;
//! 2. columns leave in the stated order ([`Column::leaves`]), one after the other, and a line below
//!    the table names them;
//! 3. rows are stacked: the first cell, and below it a line for each other cell with its header. No
//!    column is left out then.

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table as Grid, TableStyle};

use crate::width::Width;
use crate::wrap::{beside, columns, wrap};

/// Columns of padding around a cell.
const PADDING: usize = 2;

/// Smallest width of a column whose cells are wrapped.
const NARROWEST: usize = 12;

/// Indentation of the cells of a stacked row.
const STACKED: &str = "  ";

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    header: String,
    is_right_aligned: bool,
    is_wrapped: bool,
    /// Order in which it leaves, from 1; `None` if it stays.
    leaves: Option<u32>,
}

impl Column {
    /// Left-aligned column.
    pub fn text(header: impl Into<String>) -> Self {
        Self { header: header.into(), is_right_aligned: false, is_wrapped: false, leaves: None }
    }

    /// Right-aligned column.
    pub fn figure(header: impl Into<String>) -> Self {
        Self { is_right_aligned: true, ..Self::text(header) }
    }

    /// The column, with cells that may be wrapped.
    #[must_use]
    pub fn wraps(self) -> Self {
        Self { is_wrapped: true, ..self }
    }

    /// The column as the one that leaves `order`-th, from 1, where the table is too wide.
    #[must_use]
    pub fn leaves(self, order: u32) -> Self {
        Self { leaves: Some(order), ..self }
    }
}

/// A table. Rows have as many cells as there are columns; further ones are ignored, missing ones are
/// empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Table of `rows`.
    pub fn new<R>(
        columns: impl IntoIterator<Item = Column>,
        rows: impl IntoIterator<Item = R>,
    ) -> Self
    where
        R: IntoIterator<Item = String>,
    {
        let columns: Vec<Column> = columns.into_iter().collect();
        let cells = |row: R| {
            let mut cells: Vec<String> =
                row.into_iter().map(|cell| cell.replace('\n', " ")).collect();
            cells.resize(columns.len(), String::new());
            cells
        };
        let rows = rows.into_iter().map(cells).collect();
        Self { columns, rows }
    }

    /// The table within `width`, without a newline at its end.
    pub fn text(&self, width: Width) -> String {
        let mut shown: Vec<usize> = (0..self.columns.len()).collect();
        let mut leaving: Vec<usize> =
            shown.iter().copied().filter(|index| self.columns[*index].leaves.is_some()).collect();
        leaving.sort_by_key(|index| self.columns[*index].leaves);
        let mut left = Vec::new();
        loop {
            if let Some(widths) = self.widths(&shown, width) {
                let mut lines = vec![self.grid(&shown, &widths)];
                lines.extend(note(&left, width));
                return lines.join("\n");
            }
            if leaving.is_empty() {
                return self.stacked(width);
            }
            let next = leaving.remove(0);
            shown.retain(|index| *index != next);
            left.push(self.columns[next].header.as_str());
        }
    }

    /// Widths of the cells of the columns `shown`; `None` if they do not fit.
    fn widths(&self, shown: &[usize], width: Width) -> Option<Vec<usize>> {
        let natural: Vec<usize> = shown.iter().map(|index| self.widest(*index, columns)).collect();
        let total = |widths: &[usize]| widths.iter().map(|width| width + PADDING).sum::<usize>();
        if width.holds(total(&natural)) {
            return Some(natural);
        }
        let limit = width.columns()?;
        let least: Vec<usize> = shown
            .iter()
            .zip(&natural)
            .map(|(index, natural)| {
                if self.columns[*index].is_wrapped {
                    self.widest(*index, longest_word).max(NARROWEST).min(*natural)
                } else {
                    *natural
                }
            })
            .collect();
        let mut room = limit.checked_sub(total(&least))?;
        // What is left goes to the columns of text, from the left.
        let widths = least.into_iter().zip(natural).map(|(least, natural)| {
            let more = room.min(natural - least);
            room -= more;
            least + more
        });
        Some(widths.collect())
    }

    fn widest(&self, column: usize, measure: fn(&str) -> usize) -> usize {
        let cells = self.rows.iter().map(|row| measure(&row[column]));
        cells.chain([columns(&self.columns[column].header)]).max().unwrap_or(0)
    }

    fn grid(&self, shown: &[usize], widths: &[usize]) -> String {
        let mut grid = Grid::new();
        let cells = |row: &Vec<String>| -> Vec<String> {
            let cells = shown.iter().zip(widths);
            let shown = cells.map(|(index, width)| {
                if self.columns[*index].is_wrapped {
                    wrap(&row[*index], Width::of_line(*width)).join("\n")
                } else {
                    row[*index].clone()
                }
            });
            shown.collect()
        };
        grid.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─')))
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header(shown.iter().map(|index| self.columns[*index].header.as_str()))
            .add_rows(self.rows.iter().map(cells));
        for (position, index) in shown.iter().enumerate() {
            if self.columns[*index].is_right_aligned
                && let Some(column) = grid.column_mut(position)
            {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        grid.trim_fmt()
    }

    fn stacked(&self, width: Width) -> String {
        let label = self.columns.iter().skip(1).map(|column| columns(&column.header)).max();
        let label = label.unwrap_or(0) + PADDING;
        let mut lines = Vec::new();
        for row in &self.rows {
            let mut cells = self.columns.iter().zip(row);
            if let Some((_, first)) = cells.next() {
                lines.extend(beside("", STACKED, first, width));
            }
            for (column, cell) in cells.filter(|(_, cell)| !cell.is_empty()) {
                let gap = " ".repeat(label - columns(&column.header));
                let first = format!("{STACKED}{}{gap}", column.header);
                let rest = format!("{STACKED}{}", " ".repeat(label));
                lines.extend(beside(&first, &rest, cell, width));
            }
        }
        lines.join("\n")
    }
}

/// The line that names the columns that left.
fn note(left: &[&str], width: Width) -> Option<String> {
    if left.is_empty() {
        return None;
    }
    let text = format!("not shown at this width: {}", left.join(", "));
    Some(beside(" ", "   ", &text, width).join("\n"))
}

/// Columns of the longest word, with figures and their units as one.
fn longest_word(text: &str) -> usize {
    wrap(text, Width::of_line(1)).iter().map(|word| columns(word)).max().unwrap_or(0)
}

#[cfg(test)]
mod tests;
