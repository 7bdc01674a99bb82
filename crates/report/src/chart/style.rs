//! Style sheets of charts.

use std::fmt::Write as _;

use crate::palette::{CURVES, DARK, LIGHT, Palette};

/// Number of colours; further curves repeat them, with different shapes and dashes.
pub const COLOURS: usize = CURVES;

/// Theme of a chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// Within a page that has the style sheet of charts.
    Page,
    /// A file for a screen: light or dark, by the reader's preference.
    Screen,
    /// For an image: light, on a white background, in the embedded font.
    Print,
}

impl Theme {
    /// Style sheet that the chart contains itself.
    pub(super) fn sheet(self) -> Option<String> {
        match self {
            Self::Page => None,
            Self::Screen => Some(sheet()),
            Self::Print => Some(rules(&LIGHT, "Ubuntu")),
        }
    }
}

/// Style sheet of all charts on a page.
pub(crate) fn sheet() -> String {
    format!(
        "{}@media (prefers-color-scheme:dark){{{}}}",
        rules(&LIGHT, "system-ui,sans-serif"),
        colours(&DARK)
    )
}

fn rules(palette: &Palette, font: &str) -> String {
    format!(
        ".chart text{{font-family:{font};paint-order:stroke;stroke-width:4px;\
         stroke-linejoin:round}}\
         .chart .title,.chart .mark{{font-weight:600}}\
         .chart .grid line,.chart .axis line{{stroke-width:1}}\
         .chart .curve{{fill:none;stroke-width:2;stroke-linejoin:round}}\
         .chart .interval{{fill:none;stroke-width:1.3}}\
         .chart .marker,.chart .key{{stroke-width:2;stroke-linejoin:round}}\
         .chart .trial{{opacity:.35}}\
         .chart .roof{{fill:none;stroke-width:1.5;stroke-dasharray:10 5}}\
         .chart .ideal{{fill:none;stroke-width:1.2;stroke-dasharray:1.5 4}}\
         .chart .fit{{fill:none;stroke-width:1;opacity:.7}}{}",
        colours(palette)
    )
}

fn colours(palette: &Palette) -> String {
    let Palette { ink, muted, line, background, curves, .. } = palette;
    // Text has a halo, so that it can be read where it stands on a line.
    let mut rules = format!(
        ".chart .background{{fill:{background}}}\
         .chart text{{fill:{ink};stroke:{background}}}\
         .chart .tick,.chart .note{{fill:{muted}}}\
         .chart .marker,.chart .key{{fill:{background}}}.chart .key{{stroke:{muted}}}\
         .chart .grid line{{stroke:{line}}}\
         .chart .axis line{{stroke:{muted}}}\
         .chart .roof,.chart .ideal,.chart .fit{{stroke:{muted}}}"
    );
    for (index, colour) in curves.iter().enumerate() {
        let _ = write!(
            rules,
            ".chart .s{index} path{{stroke:{colour}}}\
             .chart .s{index} .point,.chart .s{index} .dot{{fill:{colour};stroke:{background}}}\
             .chart .s{index} .trial{{fill:{colour}}}"
        );
    }
    rules
}
