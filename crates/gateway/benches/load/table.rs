//! Result tables in Markdown.

use std::fmt;

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, ContentArrangement, Table as Grid};

/// Results of one scenario, a section in Markdown.
#[derive(Debug)]
pub struct Table {
    title: String,
    rows: Vec<[String; 3]>,
    notes: Vec<String>,
}

impl Table {
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), rows: Vec::new(), notes: Vec::new() }
    }

    /// Adds a figure without a target.
    pub fn row(&mut self, figure: &str, value: String) {
        self.wanted(figure, value, "");
    }

    /// Adds a figure with its target.
    pub fn wanted(&mut self, figure: &str, value: String, wanted: &str) {
        self.rows.push([figure.to_owned(), value, wanted.to_owned()]);
    }

    /// Adds a note on the method.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut grid = Grid::new();
        grid.load_style(ASCII_MARKDOWN)
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header(["figure", "seen", "wanted"])
            .add_rows(&self.rows);
        for column in [1, 2] {
            if let Some(column) = grid.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        writeln!(f, "### {}\n\n{grid}\n", self.title)?;
        self.notes.iter().try_for_each(|note| writeln!(f, "- {note}"))
    }
}
