//! From an engine's events to what a client reads: lines, or one document.
//!
//! Invariants: exactly one line has `done: true`, the last, and it has the counts; a call of a tool
//! is one line, because its arguments are an object: a call that the limit of tokens cut off is
//! left out, and `done_reason` says `length`.

use std::time::{Duration, Instant, SystemTime};

use bytes::{BufMut, BytesMut};
use harmonic_types::{Event, TokenLogprob, ToolCall, Usage};
use serde::{Serialize, Serializer};

use super::request::{CallBody, CalledBody};
use crate::answer::{Finish, ResponseEncoder};
use crate::dialect::Dialect;
use crate::fault::Fault;
use crate::gathered::CollectedAnswer;
use crate::openai::TokenEntry;
use crate::{ndjson, tools};

/// Which path is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `/api/chat`: an answer is a message.
    Chat,
    /// `/api/generate`: an answer is a text.
    Generate,
}

/// Writes the answer to one request.
#[derive(Clone, Debug)]
pub struct OllamaAnswer {
    shape: Shape,
    model: String,
    logprobs: bool,
    times: Times,
    /// A call whose arguments are still coming.
    call: Option<ToolCall>,
    calls: u32,
    end: Option<(Finish, Usage)>,
}

/// When what happened.
#[derive(Clone, Copy, Debug)]
struct Times {
    asked: Instant,
    /// A slot was granted.
    granted: Instant,
    first: Option<Instant>,
    ended: Instant,
}

/// The moment at which it is written, as RFC 3339.
#[derive(Clone, Copy, Debug, Default)]
struct Now;

impl Serialize for Now {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_rfc3339_micros(SystemTime::now()))
    }
}

#[derive(Serialize)]
struct Line<'a> {
    model: &'a str,
    created_at: Now,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Said<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<Vec<TokenEntry>>,
    done: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    done_reason: Option<&'static str>,
    #[serde(flatten)]
    counts: Option<Counts>,
}

#[derive(Serialize)]
struct Said<'a> {
    role: &'static str,
    content: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tool_calls: &'a [CallBody],
}

/// Durations are in nanoseconds. `load_duration` is the wait for a slot: weights stay loaded, and
/// a slot is what a request waits for here.
#[derive(Serialize)]
struct Counts {
    total_duration: u64,
    load_duration: u64,
    prompt_eval_count: u32,
    prompt_eval_duration: u64,
    eval_count: u32,
    eval_duration: u64,
}

/// What a line says.
#[derive(Clone, Copy, Default)]
struct What<'a> {
    content: &'a str,
    thinking: Option<&'a str>,
    calls: &'a [CallBody],
}

impl OllamaAnswer {
    pub(super) fn new(shape: Shape, model: String, logprobs: bool) -> Self {
        let asked = Instant::now();
        let times = Times { asked, granted: asked, first: None, ended: asked };
        Self { shape, model, logprobs, times, call: None, calls: 0, end: None }
    }

    fn line<'a>(&'a self, what: What<'a>) -> Line<'a> {
        let What { content, thinking, calls } = what;
        let (message, response, beside) = match self.shape {
            Shape::Chat => {
                (Some(Said { role: "assistant", content, thinking, tool_calls: calls }), None, None)
            }
            Shape::Generate => (None, Some(content), thinking),
        };
        Line {
            model: &self.model,
            created_at: Now,
            message,
            response,
            thinking: beside,
            logprobs: None,
            done: false,
            done_reason: None,
            counts: None,
        }
    }

    /// Ends `line`, which is the last or the only one.
    fn ended<'a>(&'a self, line: Line<'a>) -> Line<'a> {
        let Some((finish, usage)) = self.end else {
            return Line { done: true, done_reason: Some("load"), ..line };
        };
        let reason = match finish {
            Finish::Stop | Finish::StopString { .. } | Finish::ToolCalls => "stop",
            Finish::Length => "length",
        };
        let counts = Some(self.times.counts(usage));
        Line { done: true, done_reason: Some(reason), counts, ..line }
    }

    /// Writes the call whose arguments are complete now.
    fn flush(&mut self, out: &mut BytesMut) {
        let Some(call) = self.call.take().and_then(|call| called(self.calls, call)) else { return };
        self.calls += 1;
        ndjson::write(out, &self.line(What { calls: &[call], ..What::default() }));
    }
}

/// The call as it is written; `None` where its arguments are no object.
fn called(index: u32, call: ToolCall) -> Option<CallBody> {
    let arguments = tools::object(&call.arguments)?;
    let function = CalledBody { index: Some(index), name: call.name, arguments: arguments.into() };
    Some(CallBody { id: Some(call.id), function })
}

fn entries(logprobs: &[TokenLogprob]) -> Vec<TokenEntry> {
    logprobs.iter().map(Into::into).collect()
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Times {
    fn counts(self, usage: Usage) -> Counts {
        let first = self.first.unwrap_or(self.ended);
        let between = |from: Instant, to: Instant| nanoseconds(to.saturating_duration_since(from));
        Counts {
            total_duration: between(self.asked, self.ended),
            load_duration: between(self.asked, self.granted),
            prompt_eval_count: usage.prompt_tokens,
            prompt_eval_duration: between(self.granted, first),
            eval_count: usage.completion_tokens,
            eval_duration: between(first, self.ended),
        }
    }
}

impl ResponseEncoder for OllamaAnswer {
    const STREAM: &'static str = ndjson::MEDIA_TYPE;

    fn open(&mut self, _prompt_tokens: u32, _out: &mut BytesMut) {
        self.times.granted = Instant::now();
    }

    fn event(&mut self, _choice: u32, event: &Event, out: &mut BytesMut) {
        self.times.first.get_or_insert_with(Instant::now);
        match event {
            Event::Text { text, logprobs } => {
                self.flush(out);
                let logprobs = (self.logprobs && !logprobs.is_empty()).then(|| entries(logprobs));
                if !text.is_empty() || logprobs.is_some() {
                    let what = What { content: text, ..What::default() };
                    ndjson::write(out, &Line { logprobs, ..self.line(what) });
                }
            }
            Event::Reasoning { text } => {
                self.flush(out);
                let what = What { thinking: Some(text), ..What::default() };
                ndjson::write(out, &self.line(what));
            }
            Event::ToolCall { id, name, .. } => {
                self.flush(out);
                let (id, name) = (id.clone(), name.clone());
                self.call = Some(ToolCall { id, name, arguments: String::new() });
            }
            Event::ToolArguments { text, .. } => {
                if let Some(call) = &mut self.call {
                    call.arguments.push_str(text);
                }
            }
            Event::Finished { .. } | Event::FormBroken { .. } | Event::Failed { .. } => {}
        }
    }

    fn end(&mut self, _choice: u32, finish: Finish, usage: Usage, out: &mut BytesMut) {
        self.flush(out);
        self.times.ended = Instant::now();
        self.end = Some((finish, usage));
    }

    fn close(&mut self, _usage: Usage, out: &mut BytesMut) {
        ndjson::write(out, &self.ended(self.line(What::default())));
    }

    fn fail(&mut self, fault: &Fault<'_>, out: &mut BytesMut) {
        ndjson::write_fault(out, Dialect::Ollama, fault);
    }

    /// A line that says nothing: clients read every line as JSON.
    fn ping(&mut self, out: &mut BytesMut) {
        ndjson::write(out, &self.line(What::default()));
    }

    fn whole(mut self, answers: Vec<CollectedAnswer>, _usage: Usage, out: &mut BytesMut) {
        let answer = answers.into_iter().next();
        if let Some(answer) = &answer {
            let CollectedAnswer { began, first, ended, .. } = *answer;
            self.times = Times { granted: began, first, ended, ..self.times };
            self.end = Some((answer.finish, answer.usage));
        }
        let answer = answer.unwrap_or_default();
        let calls = answer.calls.into_iter();
        let calls: Vec<_> =
            (0..).zip(calls).filter_map(|(index, call)| called(index, call)).collect();
        let what = What {
            content: &answer.text,
            thinking: (!answer.reasoning.is_empty()).then_some(answer.reasoning.as_str()),
            calls: &calls,
        };
        let logprobs = self.logprobs.then(|| entries(&answer.logprobs));
        let line = self.ended(Line { logprobs, ..self.line(what) });
        serde_json::to_writer(out.writer(), &line)
            .expect("wire types are strings, numbers, lists and structs");
    }
}
