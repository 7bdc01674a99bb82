//! Style sheet of the drawings of a run, light and dark.

use std::fmt::Write as _;

use harmonic_types::SpanKind;

use super::task::{SPAN_KINDS, span_name};
use crate::palette::{DARK, LIGHT, Palette};

/// Rules of the graph and the timeline, for a page that has the style sheet of charts.
pub fn sheet() -> String {
    format!(
        ".chart .box rect{{fill:var(--background);stroke:var(--muted);stroke-width:1.5}}\
         .chart .box.running rect{{stroke:var(--accent);stroke-width:3}}\
         .chart .box.blocked rect{{stroke-dasharray:6 4}}\
         .chart .box.waiting rect{{stroke:var(--accent);stroke-dasharray:9 3 2 3}}\
         .chart .box.failed rect{{stroke:var(--warn)}}\
         .chart .box.skipped rect{{stroke-dasharray:2 4}}\
         .chart .edge{{fill:none;stroke:var(--muted);stroke-width:1.3}}\
         .chart .tip{{fill:var(--muted)}}\
         .chart .span{{stroke-width:1}}\
         .chart .hatch{{fill:none;stroke-width:1.6;stroke-linecap:square}}\
         .chart .ground{{fill:var(--background)}}{}@media (prefers-color-scheme:dark){{{}}}",
        colours(&LIGHT),
        colours(&DARK)
    )
}

fn colours(palette: &Palette) -> String {
    let mut rules = String::new();
    for kind in SPAN_KINDS {
        let (name, colour) = (span_name(kind), colour(kind, palette));
        let _ = write!(rules, ".chart .{name}{{stroke:{colour}}}");
        if is_solid(kind) {
            let _ = write!(rules, ".chart rect.{name}{{fill:{colour}}}");
        }
    }
    rules
}

const fn colour(kind: SpanKind, palette: &Palette) -> &'static str {
    match kind {
        SpanKind::Decode => palette.curves[0],
        SpanKind::Tool => palette.curves[1],
        SpanKind::Prefill => palette.curves[2],
        SpanKind::Preempted => palette.curves[3],
        SpanKind::Person => palette.curves[4],
        SpanKind::Queued => palette.curves[5],
    }
}

/// Whether the kind of time is drawn solid; all others have a pattern.
pub const fn is_solid(kind: SpanKind) -> bool {
    matches!(kind, SpanKind::Decode)
}

/// Lines of a pattern in a tile of [`TILE`] pixels.
pub const fn hatch(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Queued => "M3 3h.01",
        SpanKind::Prefill => "M-1 1L1 -1M0 6L6 0M5 7L7 5",
        SpanKind::Preempted => "M0 0L6 6M0 6L6 0",
        SpanKind::Tool => "M3 0V6",
        SpanKind::Person => "M0 3H6",
        SpanKind::Decode => "",
    }
}

/// Size of a pattern's tile, in pixels.
pub const TILE: u32 = 6;
