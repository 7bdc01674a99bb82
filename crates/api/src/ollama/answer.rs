//! Encoding of an engine's events as lines or as one document.
//!
//! Invariants: exactly one line has `done: true`, the last one, and it has the counts; a tool call
//! is one line, because its arguments are an object: a call truncated by the token limit is
//! omitted, and `done_reason` is `length`.

use std::time::{Duration, Instant, SystemTime};

use bytes::BytesMut;
use harmonic_types::{Event, TokenLogprob, ToolCall, Usage};
use serde::{Serialize, Serializer};

use super::request::{CallBody, CalledBody};
use crate::collected_answer::CollectedAnswer;
use crate::dialect::Dialect;
use crate::openai::TokenEntry;
use crate::response_encoder::{Finish, ResponseEncoder};
use crate::wire_error::WireError;
use crate::{json, ndjson, tools};

/// Path of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// `/api/chat`: the answer is a message.
    Chat,
    /// `/api/generate`: the answer is a text.
    Generate,
}

/// Encoder of the response to one request.
#[derive(Clone, Debug)]
pub struct OllamaEncoder {
    endpoint: Endpoint,
    model: String,
    logprobs: bool,
    times: Times,
    /// Tool call with incomplete arguments.
    call: Option<ToolCall>,
    calls: u32,
    end: Option<(Finish, Usage)>,
}

/// Times of the request.
#[derive(Clone, Copy, Debug)]
struct Times {
    received: Instant,
    /// Admission to a slot.
    granted: Instant,
    first: Option<Instant>,
    ended: Instant,
}

/// Time of serialisation, as RFC 3339.
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
    message: Option<LineMessage<'a>>,
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
struct LineMessage<'a> {
    role: &'static str,
    content: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tool_calls: &'a [CallBody],
}

/// Counts and durations in nanoseconds. `load_duration` is the wait for a slot: weights stay
/// loaded.
#[derive(Serialize)]
struct Counts {
    total_duration: u64,
    load_duration: u64,
    prompt_eval_count: u32,
    prompt_eval_duration: u64,
    eval_count: u32,
    eval_duration: u64,
}

/// Content of a line.
#[derive(Clone, Copy, Default)]
struct LineContent<'a> {
    content: &'a str,
    thinking: Option<&'a str>,
    calls: &'a [CallBody],
}

impl OllamaEncoder {
    pub(super) fn new(endpoint: Endpoint, model: String, logprobs: bool) -> Self {
        let received = Instant::now();
        let times = Times { received, granted: received, first: None, ended: received };
        Self { endpoint, model, logprobs, times, call: None, calls: 0, end: None }
    }

    fn line<'a>(&'a self, line_content: LineContent<'a>) -> Line<'a> {
        let LineContent { content, thinking, calls } = line_content;
        let (message, response, top_level_thinking) = match self.endpoint {
            Endpoint::Chat => (
                Some(LineMessage { role: "assistant", content, thinking, tool_calls: calls }),
                None,
                None,
            ),
            Endpoint::Generate => (None, Some(content), thinking),
        };
        Line {
            model: &self.model,
            created_at: Now,
            message,
            response,
            thinking: top_level_thinking,
            logprobs: None,
            done: false,
            done_reason: None,
            counts: None,
        }
    }

    /// Completes `line`, the last or only one.
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

    /// Writes the tool call, whose arguments are complete.
    fn flush(&mut self, out: &mut BytesMut) {
        let Some(call) = self.call.take().and_then(|call| call_body(self.calls, call)) else {
            return;
        };
        self.calls += 1;
        ndjson::write(out, &self.line(LineContent { calls: &[call], ..LineContent::default() }));
    }
}

/// Tool call as written; `None` if its arguments are not an object.
fn call_body(index: u32, call: ToolCall) -> Option<CallBody> {
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
            total_duration: between(self.received, self.ended),
            load_duration: between(self.received, self.granted),
            prompt_eval_count: usage.prompt_tokens,
            prompt_eval_duration: between(self.granted, first),
            eval_count: usage.completion_tokens,
            eval_duration: between(first, self.ended),
        }
    }
}

impl ResponseEncoder for OllamaEncoder {
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
                    let line_content = LineContent { content: text, ..LineContent::default() };
                    ndjson::write(out, &Line { logprobs, ..self.line(line_content) });
                }
            }
            Event::Reasoning { text } => {
                self.flush(out);
                let line_content = LineContent { thinking: Some(text), ..LineContent::default() };
                ndjson::write(out, &self.line(line_content));
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
        ndjson::write(out, &self.ended(self.line(LineContent::default())));
    }

    fn fail(&mut self, error: &WireError<'_>, out: &mut BytesMut) {
        ndjson::write_error(out, Dialect::Ollama, error);
    }

    /// An empty line document: clients parse every line as JSON.
    fn ping(&mut self, out: &mut BytesMut) {
        ndjson::write(out, &self.line(LineContent::default()));
    }

    fn document(mut self, answers: Vec<CollectedAnswer>, _usage: Usage, out: &mut BytesMut) {
        let answer = answers.into_iter().next();
        if let Some(answer) = &answer {
            let CollectedAnswer { began, first, ended, .. } = *answer;
            self.times = Times { granted: began, first, ended, ..self.times };
            self.end = Some((answer.finish, answer.usage));
        }
        let answer = answer.unwrap_or_default();
        let calls = answer.calls.into_iter();
        let calls: Vec<_> =
            (0..).zip(calls).filter_map(|(index, call)| call_body(index, call)).collect();
        let line_content = LineContent {
            content: &answer.text,
            thinking: (!answer.reasoning.is_empty()).then_some(answer.reasoning.as_str()),
            calls: &calls,
        };
        let logprobs = self.logprobs.then(|| entries(&answer.logprobs));
        let line = self.ended(Line { logprobs, ..self.line(line_content) });
        json::write(out, &line);
    }
}
