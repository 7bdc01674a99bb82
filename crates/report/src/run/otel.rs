//! A run as an OpenTelemetry trace: OTLP in its JSON form, by the semantic conventions for
//! generative AI (docs/sources.md#otel-genai).
//!
//! Owns: the spans. One `invoke_workflow` of the run; below it an `invoke_agent` or `execute_tool`
//! for each task that started; below that its times, by kind.
//!
//! Invariants: ids follow from the run's, so that a run that is exported twice is one trace; no span
//! leaves its parent's time. Goal, instructions, texts and reasons are left out: traces go to other
//! programs, and the conventions ask for content only where it was asked for.

use harmonic_types::{RunRecord, RunSpent, RunState, SpanKind, TaskSpan, TaskState};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::costs::wall_ms;
use super::task::{TaskView, span_name, views};
use super::text;

/// Version of the conventions.
const CONVENTIONS: &str = "https://opentelemetry.io/schemas/1.41.0";

/// Name of the product in the attributes `service.name` and `gen_ai.provider.name`.
const NAME: &str = "harmonic";

/// `SpanKind` and `StatusCode` of the protocol.
const INTERNAL: u32 = 1;
const STATUS_OK: u32 = 1;
const STATUS_ERROR: u32 = 2;

/// Most characters of a name.
const LONGEST_NAME: usize = 120;

/// Content of the file.
pub fn render(record: &RunRecord) -> String {
    let trace = Trace { record, id: hex::encode(&digest(record, "trace")[..16]) };
    let mut spans = vec![trace.run()];
    for (index, view) in views(record).iter().enumerate() {
        spans.extend(trace.task(index, view));
    }
    let document = json!({
        "resourceSpans": [{
            "resource": { "attributes": attributes([("service.name", json!(NAME))]) },
            "scopeSpans": [{
                "scope": { "name": "harmonic.run", "version": env!("CARGO_PKG_VERSION") },
                "spans": spans,
                "schemaUrl": CONVENTIONS,
            }],
            "schemaUrl": CONVENTIONS,
        }],
    });
    format!("{document:#}\n")
}

struct Trace<'a> {
    record: &'a RunRecord,
    id: String,
}

/// A span before it is written.
struct Span<'a> {
    id: &'a str,
    parent: Option<&'a str>,
    name: String,
    from_ms: u64,
    to_ms: u64,
    attributes: Vec<(&'static str, Value)>,
    /// Whether it succeeded; `None` where that is not known.
    is_ok: Option<bool>,
}

impl Trace<'_> {
    fn run(&self) -> Value {
        let record = self.record;
        let workflow = text::line(record.origin.strip_prefix("recipe:").unwrap_or(&record.origin));
        let is_ok = match record.state {
            RunState::Done | RunState::Partial { .. } => Some(true),
            RunState::Failed { .. } => Some(false),
            RunState::Running | RunState::WaitingForApproval | RunState::Stopped => None,
        };
        let mut attributes = vec![
            ("gen_ai.operation.name", json!("invoke_workflow")),
            ("gen_ai.workflow.name", json!(text::start(&workflow, LONGEST_NAME))),
            ("gen_ai.conversation.id", json!(text::line(&record.id.0))),
            ("harmonic.run.state", json!(record.state.name())),
        ];
        if record.tasks.iter().any(|task| !task.spans.is_empty()) {
            attributes.extend(usage(&record.spent));
        }
        if let Some(factor) = record.speed_up() {
            attributes.push(("harmonic.run.speed_up", json!(factor)));
        }
        self.write(&Span {
            id: &self.span_id("run"),
            parent: None,
            name: text::start(&format!("invoke_workflow {workflow}"), LONGEST_NAME),
            from_ms: 0,
            to_ms: wall_ms(record),
            attributes,
            is_ok,
        })
    }

    /// Spans of a task; none before it has started.
    fn task(&self, index: usize, view: &TaskView<'_>) -> Vec<Value> {
        let record = view.record;
        let spans = || record.spans.iter().filter(|span| span.from_ms <= span.to_ms);
        let from = spans().map(|span| span.from_ms).min();
        let to = spans().map(|span| span.to_ms).max();
        let (Some(from_ms), Some(to_ms)) = (from, to) else { return Vec::new() };
        let id = self.span_id(&format!("task {index}"));
        let is_agent = record.agent.is_some();
        let operation = if is_agent { "invoke_agent" } else { "execute_tool" };
        let worker = view.worker().map(|name| text::start(&name, LONGEST_NAME));
        let name = match &worker {
            Some(worker) => format!("{operation} {worker}"),
            None => operation.to_owned(),
        };
        let mut attributes = vec![("gen_ai.operation.name", json!(operation))];
        if let Some(worker) = worker {
            let key = if is_agent { "gen_ai.agent.name" } else { "gen_ai.tool.name" };
            attributes.push((key, json!(worker)));
        }
        if is_agent {
            attributes.push(("gen_ai.provider.name", json!(NAME)));
            attributes.push(("gen_ai.conversation.id", json!(text::line(&self.record.id.0))));
            attributes.extend(usage(&record.spent));
        } else {
            attributes.push(("gen_ai.tool.type", json!("function")));
        }
        attributes.push(("harmonic.task.title", json!(text::start(&view.title, LONGEST_NAME))));
        attributes.push(("harmonic.task.kind", json!(text::start(&record.kind, LONGEST_NAME))));
        attributes.push(("harmonic.task.state", json!(record.state.name())));
        let is_ok = match record.state {
            TaskState::Done => Some(true),
            TaskState::Failed => Some(false),
            _ => None,
        };
        let parent = self.span_id("run");
        let whole =
            Span { id: &id, parent: Some(&parent), name, from_ms, to_ms, attributes, is_ok };
        let mut written = vec![self.write(&whole)];
        let parts = record.spans.iter().enumerate().filter(|(_, span)| span.from_ms <= span.to_ms);
        written.extend(parts.map(|(part, span)| self.part(index, part, &id, span)));
        written
    }

    /// Span of a time of a task.
    fn part(&self, task: usize, part: usize, parent: &str, span: &TaskSpan) -> Value {
        let TaskSpan { kind, from_ms, to_ms, slot } = *span;
        let mut attributes = vec![("harmonic.span.kind", json!(span_name(kind)))];
        if let Some(slot) = slot {
            attributes.push(("harmonic.slot", json!(slot)));
        }
        // Of which tool a time is, only the task of a tool states.
        let name = if kind == SpanKind::Tool { "tool call" } else { span_name(kind) }.to_owned();
        let id = self.span_id(&format!("task {task} time {part}"));
        let parent = Some(parent);
        self.write(&Span { id: &id, parent, name, from_ms, to_ms, attributes, is_ok: None })
    }

    fn span_id(&self, what: &str) -> String {
        hex::encode(&digest(self.record, what)[..8])
    }

    fn write(&self, span: &Span<'_>) -> Value {
        let nanos = |ms: u64| {
            let unix_ms = u128::from(self.record.started_ms) + u128::from(ms);
            u64::try_from(unix_ms * 1_000_000).unwrap_or(u64::MAX).to_string()
        };
        let mut written = Map::new();
        written.insert("traceId".to_owned(), json!(self.id));
        written.insert("spanId".to_owned(), json!(span.id));
        if let Some(parent) = span.parent {
            written.insert("parentSpanId".to_owned(), json!(parent));
        }
        written.insert("name".to_owned(), json!(span.name));
        written.insert("kind".to_owned(), json!(INTERNAL));
        written.insert("startTimeUnixNano".to_owned(), json!(nanos(span.from_ms)));
        written.insert("endTimeUnixNano".to_owned(), json!(nanos(span.to_ms)));
        let mut all = span.attributes.clone();
        if span.is_ok == Some(false) {
            all.push(("error.type", json!("failed")));
        }
        written.insert("attributes".to_owned(), attributes(all));
        let code = span.is_ok.map(|is_ok| if is_ok { STATUS_OK } else { STATUS_ERROR });
        if let Some(code) = code {
            written.insert("status".to_owned(), json!({ "code": code }));
        }
        Value::Object(written)
    }
}

/// Tokens and energy. The input tokens of the conventions include cached ones, as ours do.
fn usage(spent: &RunSpent) -> Vec<(&'static str, Value)> {
    let mut usage = vec![
        ("gen_ai.usage.input_tokens", json!(spent.prompt_tokens)),
        ("gen_ai.usage.cache_read.input_tokens", json!(spent.cached_tokens)),
        ("gen_ai.usage.output_tokens", json!(spent.output_tokens)),
    ];
    if let Some(joules) = spent.joules.filter(|joules| joules.0.is_finite()) {
        usage.push(("harmonic.usage.joules", json!(joules.0)));
    }
    usage
}

fn digest(record: &RunRecord, what: &str) -> [u8; 32] {
    Sha256::new().chain_update(&record.id.0).chain_update("\n").chain_update(what).finalize().into()
}

/// Attributes as the protocol writes them; integers as text, for they have 64 bits.
fn attributes(pairs: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let any = |value: Value| match value {
        Value::Number(number) if number.is_f64() => json!({ "doubleValue": number }),
        Value::Number(number) => json!({ "intValue": number.to_string() }),
        Value::String(text) => json!({ "stringValue": text }),
        other => json!({ "stringValue": other.to_string() }),
    };
    pairs.into_iter().map(|(key, value)| json!({ "key": key, "value": any(value) })).collect()
}
