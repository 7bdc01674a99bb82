//! A run as a self-contained page.
//!
//! Owns: content and order of the page: state, answer, graph, timeline, costs, texts.
//!
//! Invariants: no scripts and no external references; light or dark by the reader's preference; what
//! the record says is escaped.

use std::time::Duration;

use harmonic_types::{RunRecord, SpanKind, duration_text};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::task::{TaskView, glyph, reason, views};
use super::{costs, graph, style, text, timeline};
use crate::number_format::{digits, or_absent};
use crate::{chart, palette};

/// Rules of all pages, and of this one.
const STYLES: [&str; 2] = [include_str!("../html/style.css"), include_str!("style.css")];

/// Most characters of the page's title.
const LONGEST_TITLE: usize = 100;

/// Most characters of a name in a head or a table; the texts of the tasks have all of it.
const LONGEST_NAME: usize = 60;

/// Page of a run.
pub fn render(record: &RunRecord) -> String {
    let title = title(record);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style {
                    (PreEscaped(palette::properties())) (PreEscaped(STYLES.concat()))
                    (PreEscaped(chart::sheet())) (PreEscaped(style::sheet()))
                }
            }
            body {
                header {
                    p class="kind" { "harmonic run, " (text::start(&record.id.0, LONGEST_NAME)) }
                    h1 { (title) }
                    p {
                        span class="fact" { (record.state.name()) } " · "
                        span class="fact" { (origin(record)) }
                        @if let Some(started) = started(record) { " · " span class="fact" { (started) } }
                    }
                }
                main {
                    @if text::block(&record.goal).trim() != title { p class="goal" { (text::block(&record.goal)) } }
                    (figures(record))
                    @if let Some(reason) = reason(&record.state) {
                        p class="reason" { strong { (record.state.name()) } ": " (reason) }
                    }
                    section {
                        h2 { "Answer" }
                        @match &record.answer {
                            Some(answer) => div class="answer" dir="auto" { (text::block(answer)) },
                            None => p class="faint" { "There is none." },
                        }
                    }
                    (drawings(record))
                    (table(record))
                    (texts(record))
                }
            }
        }
    };
    page.into_string()
}

/// Title of a run: its goal, shortened.
pub fn title(record: &RunRecord) -> String {
    let title = text::start(&record.goal, LONGEST_TITLE);
    if title.is_empty() { "A run without a goal".to_owned() } else { title }
}

/// Where the graph came from, in words.
pub fn origin(record: &RunRecord) -> String {
    match record.origin.split_once(':') {
        Some(("recipe", name)) => format!("recipe {}", text::start(name, LONGEST_NAME)),
        _ => text::start(&record.origin, LONGEST_NAME),
    }
}

/// Date and time of the start; `None` where the record states none that can be written.
pub fn started(record: &RunRecord) -> Option<String> {
    /// The last millisecond of the year 9999.
    const LATEST_MS: u64 = 253_402_300_799_999;
    (1..=LATEST_MS)
        .contains(&record.started_ms)
        .then(|| crate::method::day_and_time(record.started_ms))
}

/// The large figures: name, figure, what it is.
pub fn facts(record: &RunRecord) -> Vec<(&'static str, String, String)> {
    let spent = &record.spent;
    let done = record.tasks.iter().filter(|t| t.state == harmonic_types::TaskState::Done).count();
    let waits = record.tasks.iter().flat_map(|task| &task.spans);
    let asked = waits.into_iter().any(|span| span.kind == SpanKind::Person);
    let busy_ms: u64 =
        record.tasks.iter().fold(0, |sum, task| costs::busy_ms(task).saturating_add(sum));
    let mut facts = vec![
        ("tasks done", format!("{done} of {}", record.tasks.len()), String::new()),
        (
            "wall time",
            if spent.time_ms > 0 { duration_text(spent.time()) } else { or_absent(None) },
            match record.budget.time_ms {
                Some(bound) => format!("of {}", duration_text(Duration::from_millis(bound))),
                None if asked => "without waits for a person".to_owned(),
                None => String::new(),
            },
        ),
        (
            "speed-up",
            or_absent(record.speed_up().map(|factor| format!("{}x", digits(factor)))),
            record.speed_up().map_or_else(String::new, |_| {
                let (tasks, wall) = (duration_text(Duration::from_millis(busy_ms)), spent.time());
                format!("Σ of the tasks {tasks} ÷ {}", duration_text(wall))
            }),
        ),
    ];
    let [prompt, cached, output, ..] = costs::of_run(record);
    facts.push(("prompt tokens", prompt, format!("{cached} from the cache")));
    facts.push(("output tokens", output, String::new()));
    if let Some(bound) = record.budget.tokens {
        let used = format!("{} of {bound}", spent.tokens());
        facts.push(("token budget", used, "computed prompt, and output".to_owned()));
    }
    facts.push((
        "energy",
        or_absent(spent.joules.map(|joules| format!("{} J", digits(joules.0)))),
        match (spent.joules, record.budget.joules) {
            (_, Some(bound)) => format!("of {} J", digits(bound.0)),
            (Some(_), None) => "net of idle".to_owned(),
            (None, None) => "no meter".to_owned(),
        },
    ));
    facts
}

fn figures(record: &RunRecord) -> Markup {
    html! {
        dl class="facts" {
            @for (name, figure, about) in facts(record) {
                div { dt { (name) } dd { (figure) } dd class="about" { (about) } }
            }
        }
    }
}

fn drawings(record: &RunRecord) -> Markup {
    let count = record.graph.as_ref().map_or(0, |graph| graph.tasks.len());
    html! {
        @if let Some(graph) = graph::draw(record) {
            figure {
                h2 { "Task graph" }
                div class="scroll" tabindex="0" role="region" aria-label="Task graph" { (graph) }
                figcaption { "An arrow leads from a task to one that reads its artifact." }
            }
        } @else if count > graph::MOST_TASKS {
            p class="faint" { "The graph has " (count) " tasks, too many to be drawn: the table has them." }
        }
        @if let Some([wide, narrow]) = timeline::draw(record) {
            figure {
                h2 { "Timeline" }
                div class="on-wide" { (wide) }
                div class="on-narrow" { (narrow) }
                @if timeline::is_cut(record) {
                    figcaption { "Only the first tasks are drawn: the table has all." }
                }
            }
        }
    }
}

fn table(record: &RunRecord) -> Markup {
    html! {
        section {
            h2 { "Costs" }
            div class="scroll" tabindex="0" role="region" aria-label="Costs of each task" {
                table {
                    thead {
                        tr {
                            th scope="col" class="words" { "task" }
                            th scope="col" class="words" { "work" }
                            th scope="col" class="words" { "state" }
                            @for (name, unit) in costs::COLUMNS {
                                th scope="col" { (name) " " small { (unit) } }
                            }
                        }
                    }
                    tbody {
                        @for view in views(record) {
                            tr {
                                th scope="row" class="words" { (text::start(&view.name(), 80)) }
                                td class="words" { (text::start(&view.work(), LONGEST_NAME)) }
                                td class="words" { (glyph(view.record.state)) " " (view.record.state.name()) }
                                @for cell in costs::of_task(&view) { td { (cell) } }
                            }
                        }
                    }
                    tfoot {
                        tr {
                            th scope="row" class="words" { "all" }
                            td {} td {}
                            @for cell in costs::of_run(record) { td { (cell) } }
                        }
                    }
                }
            }
            p class="faint" { "– is not known: not computed, or not metered." }
        }
    }
}

fn texts(record: &RunRecord) -> Markup {
    html! {
        section {
            h2 { "Tasks" }
            @for view in views(record) { (text_of(&view)) }
        }
    }
}

fn text_of(view: &TaskView<'_>) -> Markup {
    let record = view.record;
    html! {
        details {
            summary {
                (glyph(record.state)) " " strong { (view.name()) } " "
                span class="about" { (view.work()) ", " (record.state.name()) }
            }
            @if let Some(inputs) = view.inputs() { p class="faint" { "Reads " (inputs) "." } }
            @if let Some(instruction) = view.instruction() {
                p class="goal" dir="auto" { (text::block(instruction)) }
            }
            @match &record.text {
                Some(text) => div class="text" dir="auto" { (text::block(text)) },
                None => p class="faint" { "No text: " (record.state.name()) "." },
            }
        }
    }
}
