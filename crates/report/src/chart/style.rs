//! Colours and styles of charts.
//!
//! The palette is Okabe and Ito's ("Color universal design", 2008), distinguishable with any kind of
//! colour vision; lighter on a dark background.

use std::fmt::Write as _;

/// Number of colours; further curves repeat them, with different shapes and dashes.
pub const COLOURS: usize = 6;

/// Theme of a chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// For a screen: light or dark, by the reader's preference.
    Screen,
    /// For an image: light, on a white background, in the embedded font.
    Print,
}

struct Palette {
    ink: &'static str,
    muted: &'static str,
    grid: &'static str,
    background: &'static str,
    curves: [&'static str; COLOURS],
}

const LIGHT: Palette = Palette {
    ink: "#1f2328",
    muted: "#656d76",
    grid: "#e4e7eb",
    background: "#ffffff",
    curves: ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56606b"],
};

const DARK: Palette = Palette {
    ink: "#e6edf3",
    muted: "#9aa4af",
    grid: "#2b323b",
    background: "#0d1117",
    curves: ["#56b4e9", "#f0945d", "#2fc59a", "#e0a3c6", "#e6c229", "#aab4bf"],
};

/// Style sheet of a chart.
pub fn sheet(theme: Theme) -> String {
    match theme {
        Theme::Print => rules(&LIGHT, "Ubuntu"),
        Theme::Screen => format!(
            "{}@media (prefers-color-scheme:dark){{{}}}",
            rules(&LIGHT, "system-ui,sans-serif"),
            colours(&DARK)
        ),
    }
}

fn rules(palette: &Palette, font: &str) -> String {
    format!(
        ".chart text{{font-family:{font};font-size:12px}}\
         .chart .name{{font-size:12.5px}}\
         .chart .mark{{font-size:12.5px;font-weight:600}}\
         .chart .end{{font-weight:600}}\
         .chart .grid line,.chart .axis line{{stroke-width:1}}\
         .chart .curve{{fill:none;stroke-width:2;stroke-linejoin:round}}\
         .chart .interval{{fill:none;stroke-width:1.3}}\
         .chart .trial{{opacity:.35}}\
         .chart .roof{{fill:none;stroke-width:1.5;stroke-dasharray:10 5}}\
         .chart .ideal{{fill:none;stroke-width:1.2;stroke-dasharray:1.5 4}}\
         .chart .fit{{fill:none;stroke-width:1;opacity:.7}}{}",
        colours(palette)
    )
}

fn colours(palette: &Palette) -> String {
    let Palette { ink, muted, grid, background, curves } = palette;
    let mut rules = format!(
        ".chart .background{{fill:{background}}}\
         .chart .name,.chart .mark{{fill:{ink}}}\
         .chart .ticks text,.chart .faint{{fill:{muted}}}\
         .chart .grid line{{stroke:{grid}}}\
         .chart .axis line{{stroke:{muted}}}\
         .chart .roof,.chart .ideal,.chart .fit{{stroke:{muted}}}"
    );
    for (index, colour) in curves.iter().enumerate() {
        let _ = write!(
            rules,
            ".chart .s{index} path,.chart .s{index} line{{stroke:{colour}}}\
             .chart .s{index} .point,.chart .s{index} .dot{{fill:{colour};stroke:{background}}}\
             .chart .s{index} .trial,.chart .s{index} text{{fill:{colour}}}"
        );
    }
    rules
}
