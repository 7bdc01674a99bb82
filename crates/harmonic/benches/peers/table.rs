//! Results as tables.
//!
//! Invariant: at most 100 columns.

use std::fmt::Write;

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table as Grid, TableStyle};

use crate::statistics::{Ratio, median, ratio};

/// Width in columns.
const WIDTH: usize = 100;

/// Expected ratio.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// One figure of both servers.
#[derive(Clone, Debug)]
pub struct Row {
    /// Load.
    pub case: String,
    /// Quantity, with its unit.
    pub figure: &'static str,
    /// Pairs of consecutive trials: harmonic, peer.
    pub pairs: Vec<(f64, f64)>,
    pub bound: Option<Bound>,
}

/// Results of a scenario.
#[derive(Clone, Debug)]
pub struct Table {
    pub title: String,
    /// Compared system.
    pub other: &'static str,
    pub rows: Vec<Row>,
    /// Method, one sentence each.
    pub notes: Vec<String>,
}

impl Bound {
    fn text(self) -> String {
        match self {
            Self::AtLeast(least) => format!("≥ {least:.2}"),
            Self::AtMost(most) => format!("≤ {most:.2}"),
        }
    }

    /// `yes` if the whole interval satisfies it, `no` if the mean does not, else `open`.
    fn verdict(self, ratio: Ratio) -> &'static str {
        let keeps = |value: f64| match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        };
        match ratio.interval {
            Some((low, high)) if keeps(low) && keeps(high) => "yes",
            _ if keeps(ratio.middle) => "open",
            _ => "no",
        }
    }
}

impl Row {
    fn cells(&self) -> [String; 8] {
        let found = ratio(&self.pairs);
        let of = |figures: Vec<f64>| median(figures).map_or_else(String::new, figure);
        let interval = found.and_then(|ratio| ratio.interval);
        [
            self.case.clone(),
            self.figure.to_owned(),
            of(self.pairs.iter().map(|pair| pair.0).collect()),
            of(self.pairs.iter().map(|pair| pair.1).collect()),
            found.map_or_else(String::new, |ratio| format!("{:.2}", ratio.middle)),
            interval.map_or_else(String::new, |(low, high)| format!("{low:.2} to {high:.2}")),
            self.bound.map_or_else(String::new, Bound::text),
            found.zip(self.bound).map_or("", |(ratio, bound)| bound.verdict(ratio)).to_owned(),
        ]
    }
}

impl Table {
    fn header(&self) -> [&str; 8] {
        ["load", "figure", "ours", self.other, "ratio", "95%", "wanted", "holds"]
    }

    /// Terminal form.
    pub fn text(&self) -> String {
        let mut grid = Grid::new();
        grid.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─')))
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header(self.header())
            .add_rows(self.rows.iter().map(Row::cells));
        for column in 2..7 {
            if let Some(column) = grid.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let mut text = format!("{}\n{}\n", self.title, grid.trim_fmt());
        for note in &self.notes {
            let options =
                textwrap::Options::new(WIDTH).initial_indent("- ").subsequent_indent("  ");
            let _ = writeln!(text, "{}", textwrap::fill(note, options));
        }
        text
    }

    /// Section of a Markdown page.
    pub fn markdown(&self) -> String {
        let mut text = format!("## {}\n\n", self.title);
        let mut line = |cells: &[String]| {
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        };
        line(&self.header().map(str::to_owned));
        line(&["---", "---", "--:", "--:", "--:", "--:", "--:", "---"].map(str::to_owned));
        for row in &self.rows {
            line(&row.cells());
        }
        text.push('\n');
        for note in &self.notes {
            let options =
                textwrap::Options::new(WIDTH).initial_indent("- ").subsequent_indent("  ");
            let _ = writeln!(text, "{}", textwrap::fill(note, options));
        }
        text
    }
}

/// Three significant digits.
fn figure(value: f64) -> String {
    if value >= 100.0 {
        format!("{value:.0}")
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}
