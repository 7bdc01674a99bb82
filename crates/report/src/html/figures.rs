//! Charts of the page, each drawn for a wide and for a narrow screen.
//!
//! Invariants: the style sheet shows one of the two; only the wide one has elements of class `point`.

use harmonic_types::{BenchRun, Series};
use maud::{Markup, html};

use super::charts;
use crate::chart::{Chart, Format, Theme, render};
use crate::scaling;

/// Throughput of all series over parallelism; nothing where no level has a figure.
pub fn throughput(run: &BenchRun) -> Markup {
    let chart = scaling::chart(run, Format::WIDE);
    html! {
        @if !chart.curves.is_empty() {
            figure {
                (drawn(&chart, Format::NARROW))
                figcaption {
                    "Throughput of all streams together. Bars are 95% intervals, pale dots single \
                     windows; ◇ sweet spot, △ peak, ▽ cliff."
                }
            }
        }
    }
}

/// Small charts of a series, with their captions.
pub fn of_series(series: &Series) -> Markup {
    html! {
        div class="small" {
            @for (chart, caption) in charts::of(series) {
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
