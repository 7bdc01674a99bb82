//! Charts of the page, each drawn for a wide and for a narrow screen.
//!
//! Invariants: the style sheet shows one of the two; only the wide one has elements of class `point`.

use harmonic_types::BenchRun;
use maud::{Markup, html};

use super::charts;
use crate::chart::{Chart, Format, Theme, render};
use crate::scaling;

/// All charts of a run, with their captions.
pub fn figures(run: &BenchRun) -> Markup {
    let mut levels = run.series.iter().flat_map(|series| &series.levels);
    let has_figures = levels.any(|level| level.rate.is_none() && level.tok_s.is_some());
    html! {
        // Without a figure, an axis would have no scale.
        @if has_figures {
            figure {
                (drawn(&scaling::chart(run, Format::WIDE), Format::NARROW))
                figcaption {
                    "Throughput of all streams together. Bars are 95% intervals, pale dots single \
                     windows; ◇ sweet spot, △ peak, ▽ cliff."
                }
            }
        }
        div class="small" {
            @for (chart, caption) in charts::of(run) {
                figure { (drawn(&chart, Format::HALF_NARROW)) figcaption { (caption) } }
            }
        }
    }
}

/// The chart as it is, and again in the format `narrow`.
fn drawn(chart: &Chart, narrow: Format) -> Markup {
    let again = Chart { format: narrow, point_class: "dot", ..chart.clone() };
    html! {
        div class="on-wide" { (render(chart, Theme::Page)) }
        div class="on-narrow" { (render(&again, Theme::Page)) }
    }
}
