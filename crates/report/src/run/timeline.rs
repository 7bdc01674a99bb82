//! The times of a run's tasks over the clock, as SVG: a lane for each task.
//!
//! Invariants: each kind of time has a pattern of its own, named in the legend; times of a task that
//! overlap stand in rows of their own; texts do not overlap and do not leave the drawing.

use harmonic_types::{RunRecord, SpanKind, TaskSpan};
use maud::{Markup, html};

use super::costs::wall_ms;
use super::packing::{Packed, pack, rows};
use super::style::{TILE, hatch, is_solid};
use super::task::{SPAN_KINDS, TaskView, glyph, span_name, span_words, views};
use crate::chart::{Anchor, Format, LabelLayout, Scale, cut, label, px, spaced, ticks, width};
use crate::number_format::time;

/// Most lanes that are drawn.
const MOST_LANES: usize = 128;

/// Distance of the drawing from its edges, height of a row of times, distance of rows and of lanes,
/// in pixels.
const MARGIN: f64 = 8.0;
const ROW: f64 = 13.0;
const BETWEEN_ROWS: f64 = 3.0;
const BETWEEN_LANES: f64 = 10.0;

/// Share of the width that names take, where they stand beside the lanes.
const NAMES: f64 = 0.34;

/// Width of a swatch of the legend, distances from its name and of entries, in pixels.
const SWATCH: f64 = 22.0;
const GAP: f64 = 7.0;
const BETWEEN: f64 = 18.0;

/// Least width of a time, in pixels.
const LEAST: f64 = 1.5;

/// A lane in its place.
#[derive(Clone, Debug)]
struct Lane {
    top: f64,
    bottom: f64,
    packed: Vec<Packed>,
}

/// A laid out timeline.
#[derive(Debug)]
pub struct Timeline {
    pub labels: LabelLayout,
    pub height: f64,
    format: Format,
    x: Scale,
    ticks: Vec<f64>,
    top: f64,
    lanes: Vec<Lane>,
    legend: Vec<(SpanKind, f64, f64)>,
    unit: Unit,
}

/// Unit of the axis.
#[derive(Clone, Copy, Debug)]
struct Unit {
    name: &'static str,
    ms: f64,
}

impl Unit {
    fn of(wall_ms: u64) -> Self {
        let ms = wall_ms as f64;
        if ms < 1e3 {
            Self { name: "milliseconds", ms: 1.0 }
        } else if ms < 300e3 {
            Self { name: "seconds", ms: 1e3 }
        } else if ms < 5.0 * 3600e3 {
            Self { name: "minutes", ms: 60e3 }
        } else {
            Self { name: "hours", ms: 3600e3 }
        }
    }
}

/// Drawings across a page and on a phone; `None` where no task has a time.
pub fn draw(record: &RunRecord) -> Option<[Markup; 2]> {
    let wide = place(record, Format::WIDE)?.draw("wide");
    Some([wide, place(record, Format::NARROW)?.draw("narrow")])
}

/// Whether lanes are left out.
pub fn is_cut(record: &RunRecord) -> bool {
    record.tasks.len() > MOST_LANES
}

/// Layout in this format: names beside the lanes, or above them where the drawing is narrow.
pub fn place(record: &RunRecord, format: Format) -> Option<Timeline> {
    if record.tasks.iter().all(|task| task.spans.is_empty()) {
        return None;
    }
    let (size, page) = (format.type_px, format.width);
    let is_beside = page > Format::NARROW.width;
    let mut labels = LabelLayout::new(page, size);
    let line = labels.line_height();
    let (legend, mut top) = place_legend(record, format, &mut labels);
    top += 0.5 * line;

    let unit = Unit::of(wall_ms(record));
    let ticks = ticks(wall_ms(record) as f64 / unit.ms, if is_beside { 8 } else { 4 });
    let max = ticks.last().copied().unwrap_or(1.0);
    let from = if is_beside { (page * NAMES).ceil() } else { MARGIN };
    let to = page - MARGIN - width(&label(max), size) / 2.0;
    let x = Scale { max, from, to };
    let least_ms = unit.ms * max / (to - from);

    let mut lanes = Vec::new();
    let mut y = top;
    for view in views(record).into_iter().take(MOST_LANES) {
        let packed = pack(&view.record.spans, least_ms);
        let height = rows(&packed) as f64 * (ROW + BETWEEN_ROWS) - BETWEEN_ROWS;
        let (name, rest) = name(&view);
        let limit = if is_beside { from - MARGIN - GAP } else { page - 2.0 * MARGIN };
        let words = cut(&name, size, limit);
        let top = if is_beside { y } else { y + 1.3 * line };
        labels.put("name", (MARGIN, y + 0.95 * size), Anchor::Start, &words);
        if packed.is_empty() {
            labels.put(
                "note",
                (from, top + 0.95 * size),
                Anchor::Start,
                &cut(rest, size, to - from),
            );
        }
        let bottom = top + height.max(if is_beside || packed.is_empty() { line } else { height });
        lanes.push(Lane { top, bottom, packed });
        y = bottom + BETWEEN_LANES;
    }
    let end = y;
    let spans: Vec<(f64, f64)> = ticks
        .iter()
        .map(|tick| {
            let half = width(&label(*tick), size) / 2.0 + 4.0;
            (x.at(*tick) - half, x.at(*tick) + half)
        })
        .collect();
    for (tick, _) in ticks.iter().zip(spaced(&spans)).filter(|(_, shown)| *shown) {
        labels.put("tick", (x.at(*tick), end + line), Anchor::Middle, &label(*tick));
    }
    let about = format!("{} since the start", unit.name);
    labels.put("name", (f64::midpoint(from, to), end + 2.2 * line), Anchor::Middle, &about);
    let height = (end + 2.7 * line).ceil();
    Some(Timeline { labels, height, format, x, ticks, top, lanes, legend, unit })
}

/// Name of a lane, and what stands in one without times.
fn name(view: &TaskView<'_>) -> (String, &'static str) {
    let mark = glyph(view.record.state);
    (format!("{mark} {}", view.name()), view.record.state.name())
}

/// Swatches of the kinds that occur, and the lower end of the legend.
fn place_legend(
    record: &RunRecord,
    format: Format,
    labels: &mut LabelLayout,
) -> (Vec<(SpanKind, f64, f64)>, f64) {
    let spans = || record.tasks.iter().flat_map(|task| &task.spans);
    let occurs = |kind: &SpanKind| spans().any(|span| span.kind == *kind);
    let size = format.type_px;
    let row = labels.line_height() + 4.0;
    let (mut x, mut y) = (MARGIN, row);
    let mut legend = Vec::new();
    for kind in SPAN_KINDS.into_iter().filter(occurs) {
        let words = span_words(kind);
        let length = SWATCH + GAP + width(words, size);
        if x > MARGIN && x + length > format.width - MARGIN {
            (x, y) = (MARGIN, y + row);
        }
        labels.put("name", (x + SWATCH + GAP, y), Anchor::Start, words);
        legend.push((kind, x, y - 0.35 * size - ROW / 2.0));
        x += length + BETWEEN;
    }
    (legend, y + 0.5 * row)
}

impl Timeline {
    fn draw(&self, prefix: &str) -> Markup {
        let Self { format, height, x, .. } = self;
        let page = format.width;
        let bottom = self.lanes.last().map_or(self.top, |lane| lane.bottom) + BETWEEN_LANES / 2.0;
        html! {
            svg xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {page} {height}"))
                width=(page) height=(height) role="img" class="chart" font-size=(format.type_px)
                aria-label="Times of the tasks since the start of the run; the table of costs has the sums" {
                defs {
                    @for (kind, ..) in &self.legend {
                        @if !is_solid(*kind) { (pattern(prefix, *kind)) }
                    }
                }
                g class="grid" {
                    @for tick in &self.ticks {
                        line x1=(px(x.at(*tick))) x2=(px(x.at(*tick))) y1=(px(self.top)) y2=(px(bottom)) {}
                    }
                }
                g class="axis" {
                    line x1=(px(x.from)) x2=(px(x.to)) y1=(px(bottom)) y2=(px(bottom)) {}
                }
                @for (kind, x, y) in &self.legend {
                    (rect(prefix, *kind, (*x, *y), SWATCH, None))
                }
                @for lane in &self.lanes {
                    @for packed in &lane.packed { (self.span(prefix, lane, packed)) }
                }
                (self.labels.draw())
            }
        }
    }

    fn span(&self, prefix: &str, lane: &Lane, packed: &Packed) -> Markup {
        let TaskSpan { kind, from_ms, to_ms, slot } = packed.span;
        let at = |ms: u64| self.x.at(ms as f64 / self.unit.ms);
        let y = lane.top + packed.row as f64 * (ROW + BETWEEN_ROWS);
        let length = (at(to_ms) - at(from_ms)).max(LEAST);
        let slot = slot.map_or_else(String::new, |slot| format!(", slot {slot}"));
        let (from, to) = (time(from_ms as f64), time(to_ms as f64));
        let tooltip = format!("{}, {from} to {to}{slot}", span_words(kind));
        rect(prefix, kind, (at(from_ms), y), length, Some(&tooltip))
    }
}

fn rect(
    prefix: &str,
    kind: SpanKind,
    (x, y): (f64, f64),
    length: f64,
    tooltip: Option<&str>,
) -> Markup {
    let class = format!("span {}", span_name(kind));
    let fill = (!is_solid(kind)).then(|| format!("url(#{prefix}-{})", span_name(kind)));
    html! {
        rect class=(class) x=(px(x)) y=(px(y)) width=(px(length)) height=(px(ROW)) fill=[fill] {
            @if let Some(tooltip) = tooltip { title { (tooltip) } }
        }
    }
}

fn pattern(prefix: &str, kind: SpanKind) -> Markup {
    let name = span_name(kind);
    html! {
        pattern id=(format!("{prefix}-{name}")) width=(TILE) height=(TILE)
            patternUnits="userSpaceOnUse" {
            rect class="ground" width=(TILE) height=(TILE) {}
            path class=(format!("hatch {name}")) d=(hatch(kind)) {}
        }
    }
}
