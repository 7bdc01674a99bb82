use harmonic_types::{
    AgentName, RunRecord, RunSpent, RunState, SpanKind, Task, TaskGraph, TaskIndex, TaskRecord,
    TaskSpan, TaskState, Work,
};
use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag};
use roxmltree::Document;
use serde_json::Value;

use super::{graph, html, markdown, otel, sample, timeline};
use crate::chart::{Area, Format, width};

/// A page as XML: its elements without content closed.
fn xml(page: &str) -> String {
    let (doctype, mut rest) = page.split_at("<!DOCTYPE html>".len());
    assert_eq!(doctype, "<!DOCTYPE html>");
    let mut closed = String::new();
    while let Some((before, after)) = rest.split_once("<meta ") {
        let (attributes, after) = after.split_once('>').expect("its end");
        closed.extend([before, "<meta ", attributes, "/>"]);
        rest = after;
    }
    closed + rest
}

/// Parses a page, and checks what it may contain.
fn check_page(page: &str) {
    let xml = xml(page);
    let document = Document::parse(&xml).unwrap_or_else(|error| panic!("{error}: {xml}"));
    let known = [
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "header",
        "p",
        "h1",
        "h2",
        "span",
        "main",
        "section",
        "div",
        "dl",
        "dt",
        "dd",
        "figure",
        "figcaption",
        "table",
        "thead",
        "tbody",
        "tfoot",
        "tr",
        "th",
        "td",
        "small",
        "strong",
        "details",
        "summary",
        "svg",
        "g",
        "rect",
        "path",
        "text",
        "line",
        "defs",
        "pattern",
    ];
    for element in document.descendants().filter(roxmltree::Node::is_element) {
        let name = element.tag_name().name();
        assert!(known.contains(&name), "{name}");
        for attribute in element.attributes() {
            let (name, value) = (attribute.name(), attribute.value());
            assert!(!name.starts_with("on") && !["src", "href", "style"].contains(&name), "{name}");
            let outside = value.contains("url(") && !value.starts_with("url(#");
            assert!(!outside && !value.contains("NaN") && !value.contains("inf"), "{value}");
        }
    }
    // Patterns are in the drawing that uses them.
    for svg in document
        .descendants()
        .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "svg")))
    {
        let ids: Vec<&str> = svg.descendants().filter_map(|node| node.attribute("id")).collect();
        for fill in svg.descendants().filter_map(|node| node.attribute("fill")) {
            let id = fill.strip_prefix("url(#").and_then(|fill| fill.strip_suffix(')'));
            assert!(id.is_some_and(|id| ids.contains(&id)), "{fill}");
        }
    }
    let hidden = |c: char| {
        (c.is_control() && !matches!(c, '\n' | '\t')) || "\u{202e}\u{2066}\u{fffe}".contains(c)
    };
    assert!(!page.contains(hidden), "{page}");
}

#[test]
fn a_small_run_as_a_page() {
    let page = html(&sample::small());
    check_page(&page);
    let (_, body) = page.split_once("<body>").unwrap();
    insta::assert_snapshot!(body.replace('>', ">\n"));
}

#[test]
fn a_wide_run_as_a_page() {
    let page = html(&sample::wide());
    check_page(&page);
    let (_, body) = page.split_once("<body>").unwrap();
    insta::assert_snapshot!(body.replace('>', ">\n"));
}

#[test]
fn hostile_texts_as_a_page() {
    let page = html(&sample::hostile());
    check_page(&page);
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;"));
    let (_, body) = page.split_once("<body>").unwrap();
    insta::assert_snapshot!(body.replace('>', ">\n"));
}

#[test]
fn a_small_run_as_markdown() {
    insta::assert_snapshot!(markdown(&sample::small()));
}

#[test]
fn a_wide_run_as_markdown() {
    insta::assert_snapshot!(markdown(&sample::wide()));
}

#[test]
fn hostile_texts_as_markdown() {
    insta::assert_snapshot!(markdown(&sample::hostile()));
}

/// Code blocks of a document; fails on markup that the report does not write.
fn code_blocks(document: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut is_code = false;
    for event in Parser::new_ext(document, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => {
                is_code = true;
                blocks.push(String::new());
            }
            Event::End(pulldown_cmark::TagEnd::CodeBlock) => is_code = false,
            Event::Text(text) if is_code => blocks.last_mut().unwrap().push_str(&text),
            Event::Html(html) => {
                let is_ours = html.starts_with("<details><summary>") || html.trim() == "</details>";
                assert!(is_ours, "{html}");
            }
            Event::Start(
                Tag::Link { .. }
                | Tag::Image { .. }
                | Tag::Emphasis
                | Tag::Strong
                | Tag::Strikethrough,
            )
            | Event::InlineHtml(_)
            | Event::Code(_) => panic!("{event:?} in {document}"),
            _ => {}
        }
    }
    blocks
}

#[test]
fn no_text_ends_its_fence_or_becomes_markup() {
    let record = sample::hostile();
    let evil = super::text::block(&record.goal);
    let blocks = code_blocks(&markdown(&record));
    let whole = blocks.iter().filter(|block| block.trim_end_matches('\n') == evil).count();
    // Goal, answer, and the texts of two tasks.
    assert_eq!(whole, 4, "{blocks:#?}");
}

#[test]
fn what_is_absent_is_never_zero() {
    let record = sample::small();
    let page = html(&record);
    assert!(page.contains("<dt>energy</dt><dd>–</dd><dd class=\"about\">no meter</dd>"), "{page}");
    let mut record = sample::wide();
    let skipped = markdown(&record);
    assert!(skipped.contains("| 12 | – | – | – | – | – | – |"), "{skipped}");
    assert!(skipped.contains("| 10 | – | – | – | 0.90 | 2.90 | – |"), "{skipped}");
    record.tasks.clear();
    (record.graph, record.answer) = (None, None);
    (record.state, record.spent) = (RunState::Running, RunSpent::default());
    let page = html(&record);
    check_page(&page);
    for absent in ["speed-up", "wall time", "prompt tokens", "output tokens"] {
        assert!(page.contains(&format!("<dt>{absent}</dt><dd>–</dd>")), "{absent}: {page}");
    }
}

#[test]
fn the_speed_up_is_the_sum_of_the_tasks_over_the_wall_time() {
    let page = html(&sample::small());
    // 120 + 1400 + 130 + 1250 + 90 + 880 = 3870 ms in 2490 ms.
    assert!(
        page.contains("<dd>1.55x</dd><dd class=\"about\">Σ of the tasks 3.9 s ÷ 2.5 s</dd>"),
        "{page}"
    );
}

#[test]
fn a_graph_too_large_to_be_drawn_is_told_in_words() {
    let mut record = sample::small();
    let task = record.graph.as_ref().unwrap().tasks[0].clone();
    record.graph = Some(TaskGraph::new(vec![task; 129]));
    record.tasks = vec![record.tasks[0].clone(); 129];
    let page = html(&record);
    check_page(&page);
    assert!(page.contains("129 tasks, too many to be drawn"), "{page}");
    assert!(page.contains("Only the first tasks are drawn"), "{page}");
    assert_eq!(page.matches("<details>").count(), 129);
}

mod trace {
    use std::collections::BTreeSet;

    use super::*;

    /// Checks a trace by the protocol's JSON form; returns its spans.
    fn check(record: &RunRecord) -> Vec<Value> {
        let document: Value = serde_json::from_str(&otel(record)).unwrap();
        let keys =
            |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
        assert_eq!(keys(&document), ["resourceSpans"]);
        let scope = &document["resourceSpans"][0]["scopeSpans"][0];
        assert_eq!(keys(scope), ["scope", "spans", "schemaUrl"]);
        let spans = scope["spans"].as_array().unwrap().clone();
        let is_hex = |value: &Value, length: usize| {
            let text = value.as_str().unwrap();
            let is_digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
            text.len() == length && text.chars().all(is_digit) && text.chars().any(|c| c != '0')
        };
        let mut seen = BTreeSet::new();
        let time =
            |span: &Value, name: &str| -> u64 { span[name].as_str().unwrap().parse().unwrap() };
        for (index, span) in spans.iter().enumerate() {
            assert!(is_hex(&span["traceId"], 32) && is_hex(&span["spanId"], 16), "{span}");
            assert_eq!(span["traceId"], spans[0]["traceId"]);
            assert!(seen.insert(span["spanId"].as_str().unwrap().to_owned()), "{span}");
            assert_eq!(span.get("parentSpanId").is_some(), index > 0);
            assert!(time(span, "startTimeUnixNano") <= time(span, "endTimeUnixNano"), "{span}");
            if index > 0 {
                let parent =
                    spans[..index].iter().find(|other| other["spanId"] == span["parentSpanId"]);
                let parent = parent.expect("a parent before its child");
                assert!(time(parent, "startTimeUnixNano") <= time(span, "startTimeUnixNano"));
                assert!(time(parent, "endTimeUnixNano") >= time(span, "endTimeUnixNano"));
            }
            assert_eq!(span["kind"], 1);
            assert!(!span["name"].as_str().unwrap().is_empty());
            for attribute in span["attributes"].as_array().unwrap() {
                assert_eq!(keys(attribute), ["key", "value"]);
                let value = keys(&attribute["value"]);
                let is_known =
                    ["stringValue", "intValue", "doubleValue"].contains(&value[0].as_str());
                assert!(value.len() == 1 && is_known, "{attribute}");
                if let Some(int) = attribute["value"].get("intValue") {
                    let _: i64 = int.as_str().unwrap().parse().unwrap();
                }
            }
        }
        spans
    }

    fn attribute<'a>(span: &'a Value, key: &str) -> Option<&'a Value> {
        let mut all = span["attributes"].as_array().unwrap().iter();
        all.find(|attribute| attribute["key"] == key).map(|attribute| &attribute["value"])
    }

    #[test]
    fn a_small_run_as_a_trace() {
        check(&sample::small());
        insta::assert_snapshot!(otel(&sample::small()));
    }

    #[test]
    fn tasks_are_spans_by_the_conventions_and_those_that_never_started_are_none() {
        let spans = check(&sample::wide());
        let names: Vec<&str> = spans.iter().map(|span| span["name"].as_str().unwrap()).collect();
        assert_eq!(names[0], "invoke_workflow plan");
        assert_eq!(names.iter().filter(|name| name.starts_with("invoke_agent ")).count(), 11);
        let tool =
            spans.iter().find(|span| span["name"] == "execute_tool workspace.write").unwrap();
        assert_eq!(attribute(tool, "gen_ai.tool.name").unwrap()["stringValue"], "workspace.write");
        assert!(attribute(tool, "gen_ai.usage.input_tokens").is_none());
        let failed = spans.iter().find(|span| span["status"]["code"] == 2).unwrap();
        assert_eq!(failed["name"], "invoke_agent reviewer");
        assert_eq!(attribute(failed, "error.type").unwrap()["stringValue"], "failed");
        let input = attribute(&spans[0], "gen_ai.usage.input_tokens").unwrap();
        assert_eq!(input["intValue"], "15000");
    }

    #[test]
    fn neither_hostile_texts_nor_times_break_a_trace_and_no_content_is_in_it() {
        let record = sample::hostile();
        check(&record);
        let trace = otel(&record);
        assert_eq!(trace, otel(&record));
        assert!(!trace.contains("Do this") && !trace.contains("漢字"), "{trace}");
    }

    proptest! {
        #[test]
        fn any_record_is_a_valid_trace(record in super::record()) {
            check(&record);
        }
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![r"[a-z <>&\]`|#_*\n]{0,40}", r"\PC{0,60}", ".{0,20}", "[A-Z]{0,300}"]
}

/// Records as a run could leave them, and as it could not.
fn record() -> impl Strategy<Value = RunRecord> {
    let kinds = proptest::sample::select(super::task::SPAN_KINDS.to_vec());
    let span = (kinds, 0_u64..100_000, 0_u64..20_000, proptest::option::of(0_u32..8));
    let span = span.prop_map(|(kind, from_ms, length, slot)| TaskSpan {
        kind,
        from_ms,
        // A clock that was set back.
        to_ms: (from_ms + length).saturating_sub(500),
        slot,
    });
    let states = proptest::sample::select(vec![
        TaskState::Blocked,
        TaskState::Running,
        TaskState::WaitingForApproval,
        TaskState::Done,
        TaskState::Failed,
        TaskState::Skipped,
    ]);
    let kinds = proptest::sample::select(vec!["ask", "plan", "condense", "tool"]);
    let task = (
        text(),
        text(),
        kinds,
        states,
        proptest::collection::vec(span, 0..8),
        proptest::collection::vec(0_u32..30, 0..4),
        proptest::option::of(text()),
    );
    let scale = prop_oneof![Just(1_u64), Just(1000), Just(1_000_000)];
    (proptest::collection::vec(task, 0..30), text(), scale).prop_map(|(tasks, goal, scale)| {
        let mut record = sample::small();
        let mut planned = Vec::new();
        record.tasks.clear();
        for (title, agent, kind, state, mut spans, after, text) in tasks {
            for span in &mut spans {
                (span.from_ms, span.to_ms) = (span.from_ms * scale, span.to_ms * scale);
            }
            let agent = (kind != "tool").then_some(AgentName(agent));
            if !["plan", "condense"].contains(&kind) {
                let work = match &agent {
                    Some(agent) => Work::Ask { agent: agent.clone(), instruction: title.clone() },
                    None => Work::Tool { tool: title.clone(), arguments: serde_json::Map::new() },
                };
                let after = after.into_iter().map(TaskIndex).collect();
                planned.push(Task { title: title.clone(), work, after, max_tokens: None });
            }
            let kind = kind.to_owned();
            let spent = record.spent;
            record.tasks.push(TaskRecord { title, agent, kind, state, spans, text, spent });
        }
        record.graph = Some(TaskGraph::new(planned));
        record.goal = goal;
        record
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_record_is_a_well_formed_page(record in record()) {
        check_page(&html(&record));
    }

    #[test]
    fn any_record_is_markdown_without_markup_of_its_texts(record in record()) {
        code_blocks(&markdown(&record));
    }

    #[test]
    fn texts_of_a_graph_stay_in_their_boxes_and_do_not_meet(record in record()) {
        let Some((nodes, layout)) = graph::place(&record) else { return Ok(()) };
        for (index, node) in nodes.iter().enumerate() {
            let Area { left, top, right, bottom } = node.area;
            prop_assert!(left >= 0.0 && top >= 0.0 && right <= layout.width && bottom <= layout.height);
            for other in &nodes[..index] {
                prop_assert!(!node.area.overlaps(&other.area));
            }
            for pair in node.labels.windows(2) {
                prop_assert!(pair[1].y - pair[0].y >= 16.0, "{:?}", pair);
            }
            for label in &node.labels {
                let end = label.x + width(&label.words, 13.0);
                prop_assert!(label.x > left && end <= right, "{:?}", label);
                prop_assert!(label.y - 12.0 >= top && label.y + 4.0 <= bottom, "{:?}", label);
            }
        }
    }

    #[test]
    fn texts_of_a_timeline_stay_in_it_and_do_not_meet(record in record(), is_wide: bool) {
        let format = if is_wide { Format::WIDE } else { Format::NARROW };
        let Some(drawn) = timeline::place(&record, format) else { return Ok(()) };
        let texts = drawn.labels.texts();
        // Every lane and kind of time has its name, and the axis its title.
        let kinds = super::task::SPAN_KINDS.iter().filter(|kind| {
            record.tasks.iter().flat_map(|task| &task.spans).any(|span| span.kind == **kind)
        });
        let names = texts.iter().filter(|text| text.class == "name").count();
        prop_assert_eq!(names, record.tasks.len() + kinds.count() + 1);
        prop_assert!(texts.iter().filter(|text| text.class == "tick").count() >= 2);
        for (index, text) in texts.iter().enumerate() {
            let area = text.area;
            prop_assert!(area.left >= 0.0 && area.right <= format.width, "{:?}", text);
            prop_assert!(area.top >= 0.0 && area.bottom <= drawn.height, "{:?}", text);
            for other in &texts[..index] {
                prop_assert!(!area.overlaps(&other.area), "{:?} {:?}", text, other);
            }
        }
    }
}

#[test]
fn all_kinds_of_time_have_a_pattern_and_a_name() {
    let [wide, narrow] =
        timeline::draw(&sample::wide()).unwrap().map(maud::PreEscaped::into_string);
    for (prefix, drawing) in [("wide", wide), ("narrow", narrow)] {
        for kind in super::task::SPAN_KINDS {
            let words = super::task::span_words(kind);
            assert!(drawing.contains(&format!(">{words}</text>")), "{words}");
            let name = super::task::span_name(kind);
            let pattern = format!("url(#{prefix}-{name})");
            assert_eq!(drawing.contains(&pattern), kind != SpanKind::Decode, "{name}");
        }
    }
}
