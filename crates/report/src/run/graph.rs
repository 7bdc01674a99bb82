//! The task graph as SVG, from left to right.
//!
//! Invariants: an edge points from a task to one that reads its artifact; a state has a shape of its
//! border, a glyph and a word; texts stand inside their boxes and do not overlap.

use std::fmt::Write as _;

use harmonic_types::{RunRecord, Task, TaskState};
use maud::{Markup, html};

use super::layers::{Edge, Layout, layout};
use super::task::{TaskView, glyph, views};
use super::text;
use crate::chart::{Area, cut, px, wrap};

/// Most tasks that are drawn.
pub const MOST_TASKS: usize = 128;

/// Width of a box, its distance from the texts in it, size of the type and height of a line, in
/// pixels.
const WIDTH: f64 = 190.0;
const PADDING: f64 = 10.0;
const TYPE: f64 = 13.0;
const LINE: f64 = 18.0;

/// Most lines of a title.
const MOST_LINES: usize = 2;

/// A text of a box: class, place on the base line, words.
#[derive(Clone, Debug)]
pub struct Label {
    pub class: &'static str,
    pub x: f64,
    pub y: f64,
    pub words: String,
}

/// A box with its texts.
#[derive(Clone, Debug)]
pub struct Node {
    pub area: Area,
    pub labels: Vec<Label>,
    state: Option<TaskState>,
    tooltip: String,
}

/// Drawing of the graph of a record; `None` if it has none, or one with more than [`MOST_TASKS`].
pub fn draw(record: &RunRecord) -> Option<Markup> {
    let (nodes, layout) = place(record)?;
    let (width, height) = (layout.width.ceil(), layout.height.ceil());
    let count = nodes.len();
    Some(html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {width} {height}"))
            width=(width) height=(height) role="img" class="chart graph" font-size=(TYPE)
            aria-label=(format!("Graph of {}, from inputs on the left to the answer", harmonic_types::counted(count, "task"))) {
            @for edge in &layout.edges { (draw_edge(edge)) }
            @for node in &nodes { (node.draw()) }
        }
    })
}

/// The boxes of the graph of a record with their texts.
pub fn place(record: &RunRecord) -> Option<(Vec<Node>, Layout)> {
    let tasks = &record.graph.as_ref()?.tasks;
    if tasks.is_empty() || tasks.len() > MOST_TASKS {
        return None;
    }
    let views = views(record);
    let view = |index: usize| views.iter().filter(|view| view.task.is_some()).nth(index);
    let texts: Vec<Vec<(&'static str, String)>> =
        tasks.iter().enumerate().map(|(index, task)| lines(index, task, view(index))).collect();
    let heights: Vec<f64> =
        texts.iter().map(|texts| texts.len() as f64 * LINE + 2.0 * PADDING - 4.0).collect();
    let inputs: Vec<Vec<usize>> = tasks
        .iter()
        .map(|task| task.after.iter().filter_map(|task| usize::try_from(task.0).ok()).collect())
        .collect();
    let layout = layout(&inputs, WIDTH, &heights);
    let nodes = texts.into_iter().zip(&layout.boxes).enumerate().map(|(index, (texts, area))| {
        let label = |(line, (class, words)): (usize, (&'static str, String))| Label {
            class,
            x: area.left + PADDING,
            y: area.top + PADDING - 4.0 + LINE * (line as f64 + 0.78),
            words,
        };
        Node {
            area: *area,
            labels: texts.into_iter().enumerate().map(label).collect(),
            state: view(index).map(|view| view.record.state),
            tooltip: text::line(&tasks[index].title),
        }
    });
    Some((nodes.collect(), layout))
}

/// Texts of a box: title, work, state.
fn lines(index: usize, task: &Task, view: Option<&TaskView<'_>>) -> Vec<(&'static str, String)> {
    let limit = WIDTH - 2.0 * PADDING;
    let title = format!("{} {}", index + 1, text::line(&task.title));
    let title = wrap(&title, TYPE, limit, MOST_LINES);
    let mut lines: Vec<_> = title.into_iter().map(|line| ("title", line)).collect();
    if let Some(view) = view {
        lines.push(("note", cut(&view.work(), TYPE, limit)));
        let (glyph, word) = (glyph(view.record.state), view.record.state.name());
        lines.push(("name", cut(&format!("{glyph} {word}"), TYPE, limit)));
    }
    lines
}

impl Node {
    fn draw(&self) -> Markup {
        let Area { left, top, right, bottom } = self.area;
        let rect = |inset: f64, radius: u32| {
            html! {
                rect x=(px(left + inset)) y=(px(top + inset)) width=(px(right - left - 2.0 * inset))
                    height=(px(bottom - top - 2.0 * inset)) rx=(radius) {}
            }
        };
        html! {
            g class=(format!("box {}", self.state.map_or("", class))) {
                title { (self.tooltip) }
                (rect(0.0, 7))
                // A double border.
                @if self.state == Some(TaskState::Failed) { (rect(3.0, 4)) }
                @for label in &self.labels {
                    text class=(label.class) x=(px(label.x)) y=(px(label.y)) { (label.words) }
                }
            }
        }
    }
}

const fn class(state: TaskState) -> &'static str {
    match state {
        TaskState::Blocked => "blocked",
        TaskState::Running => "running",
        TaskState::WaitingForApproval => "waiting",
        TaskState::Done => "done",
        TaskState::Failed => "failed",
        TaskState::Skipped => "skipped",
    }
}

/// A line that leaves and enters boxes horizontally, with a tip at its end.
fn draw_edge(edge: &Edge) -> Markup {
    const TIP: f64 = 8.0;
    let mut path = String::new();
    let mut end = (0.0, 0.0);
    for (index, (left, right, y)) in edge.pieces.iter().enumerate() {
        if index == 0 {
            let _ = write!(path, "M{} {}", px(*left), px(*y));
        } else {
            let is_last = index + 1 == edge.pieces.len();
            let left = if is_last { left - TIP } else { *left };
            let (x, from) = end;
            let middle = f64::midpoint(x, left);
            let (middle, left, y) = (px(middle), px(left), px(*y));
            let _ = write!(path, "C{middle} {} {middle} {y} {left} {y}", px(from));
            if !is_last {
                let _ = write!(path, "H{}", px(*right));
            }
        }
        end = (*right, *y);
    }
    let (x, y) = end;
    let tip = format!("M{} {}l-{TIP} -4v8Z", px(x), px(y));
    html! {
        path class="edge" d=(path) {}
        path class="tip" d=(tip) {}
    }
}
