//! Every field documented by the three dialects, and its effect: it changes the request, is refused
//! by name, is reported as ignored, or affects no answer. No field that changes the answer is
//! dropped silently, and docs/api.md lists all of them.

use harmonic_api::{ParsedRequest, ResponseMeta, ValidationError, anthropic, ollama, openai};
use harmonic_types::RequestId;
use serde_json::{Value, json};

/// Effect of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// The engine's request differs.
    Honoured,
    /// Only the form of the response differs, or the field is repeated in it.
    Told,
    /// Refused by name.
    Refused,
    /// Served, and reported in `x-harmonic-ignored`.
    Named,
    /// Served; no answer depends on it.
    WithoutEffect,
}
use Fate::{Honoured, Named, Refused, Told, WithoutEffect};

/// Field (its path in the body), a value other than its default, and its effect.
type Row = (&'static str, Value, Fate);

/// Parsed body, for comparison.
struct Seen {
    asked: String,
    ignored: Option<String>,
}

type Read = fn(&[u8]) -> Result<Seen, ValidationError>;

fn seen<W>(asked: Result<ParsedRequest<W>, ValidationError>) -> Result<Seen, ValidationError> {
    let asked = asked?;
    let ignored = asked.ignored.line();
    Ok(Seen { asked: format!("{:?}", (asked.request, asked.answers, asked.streamed)), ignored })
}

fn meta() -> ResponseMeta {
    ResponseMeta { id: RequestId(1), name: "1".to_owned(), created: 0 }
}

/// Sets `value` at `place`, a path of keys and indices.
fn put(body: &mut Value, place: &str, value: &Value) {
    let (parent, last) = place.rsplit_once('/').unwrap_or(("", place));
    let mut at = body;
    for part in parent.split('/').filter(|part| !part.is_empty()) {
        at = match part.parse::<usize>() {
            Ok(index) => &mut at[index],
            Err(_) => &mut at[part],
        };
    }
    match last.parse::<usize>() {
        Ok(index) => at[index] = value.clone(),
        Err(_) => at[last] = value.clone(),
    }
}

/// `tools/0/function/strict` as written in errors and in the header.
fn written(place: &str) -> String {
    let mut path = String::new();
    for part in place.split('/') {
        if part.parse::<usize>().is_ok() {
            path = format!("{path}[{part}]");
        } else {
            path.push_str(if path.is_empty() { "" } else { "." });
            path.push_str(part);
        }
    }
    path
}

#[track_caller]
fn walk(section: &str, read: Read, base: &Value, rows: &[Row]) {
    let page = include_str!("../../../docs/api.md");
    let (_, page) = page.split_once(&format!("\n## {section}\n")).expect("a section");
    let page = page.split_once("\n## ").map_or(page, |(section, _)| section);
    let plain = read(base.to_string().as_bytes()).expect("the base is good");
    assert_eq!(plain.ignored, None, "the base has no field that is ignored");
    let mut wrong = Vec::new();
    for (place, value, fate) in rows {
        let mut body = base.clone();
        put(&mut body, place, value);
        let path = written(place);
        let found = match read(body.to_string().as_bytes()) {
            Err(error) => match error.param() {
                Some(param) if param.starts_with(&path) || path.starts_with(param) => Refused,
                other => panic!("{place}: {error} names {other:?}"),
            },
            Ok(seen) => match seen.ignored {
                Some(line) if line == path => Named,
                Some(line) => panic!("{place}: named as {line}"),
                None if seen.asked != plain.asked => Honoured,
                // Which of the two applies is covered by the tests of the encoders.
                None if *fate == Told => Told,
                None => WithoutEffect,
            },
        };
        if found != *fate {
            wrong.push(format!("{place}: {found:?}, not {fate:?}"));
        }
        let name = place.rsplit('/').find(|part| part.parse::<usize>().is_err()).unwrap_or(place);
        if !page.split('`').skip(1).step_by(2).any(|span| span.contains(name)) {
            wrong.push(format!("{place}: docs/api.md does not have `{name}` under {section}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn function(name: &str) -> Value {
    json!({"type": "function", "function": {"name": name, "parameters": {"type": "object"}}})
}

#[test]
fn chat_completions() {
    let read: Read = |body| seen(openai::parse(body, &meta()));
    let base = json!({
        "model": "coder",
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "1", "content": "ok"},
        ],
        "tools": [function("f")],
        "stream": true,
        "logprobs": true,
    });
    let image = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}});
    let recording =
        json!({"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}});
    walk(
        "OpenAI",
        read,
        &base,
        &[
            ("model", json!("analyst"), Honoured),
            ("messages/0/content", json!("ho"), Honoured),
            ("messages/0/content", json!([image]), Honoured),
            ("messages/0/content", json!([recording]), Honoured),
            ("messages/0/content", json!([{"type": "file", "file": {"file_id": "f"}}]), Refused),
            ("messages/0/role", json!("developer"), Honoured),
            ("messages/0/name", json!("ada"), Named),
            ("messages/1/reasoning_content", json!("hm"), Honoured),
            ("messages/1/refusal", json!("no"), WithoutEffect),
            ("messages/1/annotations", json!([{"type": "url_citation"}]), WithoutEffect),
            ("messages/1/audio", json!({"id": "a"}), WithoutEffect),
            ("messages/2/tool_call_id", json!("2"), Honoured),
            ("audio", json!({"voice": "alloy"}), Refused),
            ("frequency_penalty", json!(0.5), Honoured),
            ("function_call", json!("auto"), Refused),
            ("functions", json!([{"name": "f"}]), Refused),
            ("ignore_eos", json!(true), Honoured),
            ("logit_bias", json!({"7": -100}), Honoured),
            ("ebnf", json!("root ::= x"), Refused),
            ("grammar", json!("root ::= x"), Refused),
            ("guided_choice", json!(["a"]), Honoured),
            ("guided_grammar", json!("start: \"a\""), Honoured),
            ("guided_json", json!({"type": "integer"}), Honoured),
            ("guided_regex", json!("a"), Honoured),
            ("guided_whitespace_pattern", json!(" "), Refused),
            ("json_schema", json!({"type": "integer"}), Honoured),
            ("structural_tag", json!({"a": 1}), Refused),
            ("logprobs", json!(false), Honoured),
            ("max_completion_tokens", json!(7), Honoured),
            ("max_tokens", json!(7), Honoured),
            ("metadata", json!({"a": "b"}), WithoutEffect),
            ("min_p", json!(0.1), Honoured),
            ("mirostat", json!(2), Named),
            ("modalities", json!(["text", "audio"]), Refused),
            ("modalities", json!(["text"]), WithoutEffect),
            ("n", json!(2), Honoured),
            ("parallel_tool_calls", json!(false), Honoured),
            ("prediction", json!({"type": "content", "content": "hi"}), WithoutEffect),
            ("presence_penalty", json!(0.5), Honoured),
            ("prompt_cache_key", json!("k"), WithoutEffect),
            ("prompt_cache_retention", json!("24h"), WithoutEffect),
            ("repeat_penalty", json!(1.1), Honoured),
            ("reasoning_effort", json!("minimal"), Honoured),
            ("regex", json!("a"), Honoured),
            ("response_format", json!({"type": "json_object"}), Honoured),
            ("safety_identifier", json!("s"), WithoutEffect),
            ("seed", json!(7), Honoured),
            ("service_tier", json!("flex"), Honoured),
            ("service_tier", json!("priority"), WithoutEffect),
            ("service_tier", json!("batch"), Refused),
            ("stop", json!("x"), Honoured),
            ("store", json!(true), WithoutEffect),
            ("stream", json!(false), Honoured),
            ("stream_options", json!({"include_usage": true}), Told),
            ("structured_outputs", json!({"regex": "a"}), Honoured),
            ("temperature", json!(0.5), Honoured),
            ("tool_choice", json!("required"), Honoured),
            ("tool_choice", json!({"type": "allowed_tools"}), Refused),
            ("tools/0/function/description", json!("d"), Honoured),
            ("tools/0/function/strict", json!(true), Honoured),
            ("tools/0/type", json!("custom"), Refused),
            ("top_k", json!(7), Honoured),
            ("top_logprobs", json!(3), Honoured),
            ("top_p", json!(0.5), Honoured),
            ("user", json!("u"), WithoutEffect),
            ("verbosity", json!("low"), Named),
            ("web_search_options", json!({}), Refused),
        ],
    );
}

#[test]
fn completions() {
    let read: Read = |body| seen(openai::completions::parse(body, &meta()));
    let base = json!({"model": "coder", "prompt": "hi", "stream": true});
    walk(
        "OpenAI",
        read,
        &base,
        &[
            ("best_of", json!(2), Refused),
            ("echo", json!(true), Refused),
            ("frequency_penalty", json!(0.5), Honoured),
            ("logit_bias", json!({"7": 1}), Honoured),
            ("logprobs", json!(2), Honoured),
            ("max_tokens", json!(7), Honoured),
            ("n", json!(2), Honoured),
            ("presence_penalty", json!(0.5), Honoured),
            ("prompt", json!(["a", "b"]), Refused),
            ("seed", json!(7), Honoured),
            ("stop", json!("x"), Honoured),
            ("stream_options", json!({"include_usage": true}), Told),
            ("suffix", json!("x"), Refused),
            ("temperature", json!(0.5), Honoured),
            ("top_p", json!(0.5), Honoured),
            ("user", json!("u"), WithoutEffect),
        ],
    );
}

#[test]
fn responses() {
    let read: Read = |body| seen(openai::responses::parse(body, &meta()));
    let tool = json!({"type": "function", "name": "f", "parameters": {"type": "object"}});
    let base = json!({
        "model": "coder",
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
        "tools": [tool],
    });
    walk(
        "OpenAI",
        read,
        &base,
        &[
            ("background", json!(true), Told),
            ("context_management", json!([{"type": "compaction"}]), Named),
            ("conversation", json!("c"), Refused),
            ("include", json!(["message.output_text.logprobs"]), Honoured),
            ("include", json!(["reasoning.encrypted_content"]), WithoutEffect),
            ("input/0/id", json!("msg_1"), WithoutEffect),
            ("input/0/status", json!("completed"), WithoutEffect),
            ("instructions", json!("be"), Honoured),
            ("max_output_tokens", json!(7), Honoured),
            ("max_tool_calls", json!(7), WithoutEffect),
            ("metadata", json!({"a": "b"}), Told),
            ("parallel_tool_calls", json!(false), Honoured),
            ("previous_response_id", json!("resp_1"), Refused),
            ("prompt", json!({"id": "p"}), Refused),
            ("prompt_cache_key", json!("k"), WithoutEffect),
            ("reasoning", json!({"effort": "none"}), Honoured),
            ("reasoning", json!({"summary": "auto"}), WithoutEffect),
            ("safety_identifier", json!("s"), WithoutEffect),
            ("service_tier", json!("flex"), Honoured),
            ("service_tier", json!("priority"), WithoutEffect),
            ("service_tier", json!("batch"), Refused),
            ("store", json!(true), WithoutEffect),
            ("stream", json!(true), Honoured),
            ("temperature", json!(0.5), Honoured),
            ("text", json!({"format": {"type": "json_object"}}), Honoured),
            ("tool_choice", json!("required"), Honoured),
            ("tool_choice", json!({"type": "web_search"}), Refused),
            ("tools/0/strict", json!(true), Honoured),
            ("tools/0/description", json!("d"), Honoured),
            ("top_logprobs", json!(3), Honoured),
            ("top_p", json!(0.5), Honoured),
            ("truncation", json!("auto"), Told),
            ("truncation", json!("middle"), Refused),
            ("user", json!("u"), WithoutEffect),
        ],
    );
}

/// Tools that Codex offers besides functions are omitted and reported by path.
#[test]
fn non_function_tools_of_responses_are_omitted_and_reported() {
    let body = json!({
        "model": "coder:latest", "input": "hi", "parallel_tool_calls": true, "store": false,
        "include": ["reasoning.encrypted_content"], "prompt_cache_key": "k",
        "tools": [
            {"type": "function", "name": "shell", "parameters": {"type": "object"}, "strict": false},
            {"type": "web_search", "external_web_access": false, "filters": {"allowed_domains": []}},
            {"type": "custom", "name": "apply_patch", "format": {"type": "grammar", "syntax": "lark"}},
            {"type": "namespace", "name": "m", "description": "d", "tools": [{"type": "function", "name": "x"}]},
            {"type": "local_shell"},
            {"type": "function", "name": "plan", "parameters": {"type": "object"}},
        ],
    });
    let read = |body: &Value| openai::responses::parse(body.to_string().as_bytes(), &meta());
    let asked = read(&body).expect("served");
    let harmonic_types::Prompt::Chat { tools, .. } = &asked.request.prompt else {
        panic!("a chat")
    };
    assert_eq!(tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), ["shell", "plan"]);
    assert_eq!(asked.request.agent, "coder".into());
    let named =
        "tools[1] (web_search), tools[2] (custom), tools[3] (namespace), tools[4] (local_shell)";
    assert_eq!(asked.ignored.line().as_deref(), Some(named));

    // A required tool must exist, and a tool without a kind is an error.
    for (field, value, param) in [
        ("tool_choice", json!({"type": "custom", "name": "apply_patch"}), "tool_choice"),
        ("tool_choice", json!({"type": "function", "name": "apply_patch"}), "tool_choice"),
        ("tools", json!([{"name": "f"}]), "tools[0]"),
    ] {
        let mut body = body.clone();
        body[field] = value;
        assert_eq!(read(&body).expect_err("refused").param(), Some(param));
    }
    let mut nothing = body;
    nothing["tools"] = json!([{"type": "web_search"}]);
    nothing["tool_choice"] = json!("required");
    assert_eq!(read(&nothing).expect_err("refused").param(), Some("tool_choice"));
}

#[test]
fn messages() {
    let read: Read = |body| seen(anthropic::parse(body, &meta()));
    let base = json!({
        "model": "coder", "max_tokens": 9,
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "s"},
                {"type": "tool_use", "id": "1", "name": "f", "input": {}},
            ]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "ok"}]},
        ],
        "tools": [{"name": "f", "input_schema": {"type": "object"}}],
    });
    walk(
        "Anthropic",
        read,
        &base,
        &[
            ("cache_control", json!({"type": "ephemeral"}), WithoutEffect),
            ("container", json!("c"), Refused),
            ("context_management", json!({"edits": []}), Named),
            ("inference_geo", json!("eu"), WithoutEffect),
            ("max_tokens", json!(7), Honoured),
            ("mcp_servers", json!([{"name": "m"}]), Refused),
            ("messages/0/role", json!("system"), Honoured),
            ("messages/2/content/0/cache_control", json!({"type": "ephemeral"}), WithoutEffect),
            ("messages/2/content/0/is_error", json!(true), Honoured),
            ("metadata", json!({"user_id": "u"}), WithoutEffect),
            ("output_config", json!({"format": {"type": "json_schema", "schema": {}}}), Honoured),
            ("output_format", json!({"type": "json_schema", "schema": {}}), Honoured),
            ("service_tier", json!("standard_only"), WithoutEffect),
            ("service_tier", json!("flex"), Refused),
            ("stop_sequences", json!(["x"]), Honoured),
            ("stream", json!(true), Honoured),
            ("system", json!("be"), Honoured),
            ("temperature", json!(0.5), Honoured),
            ("thinking", json!({"type": "disabled"}), Honoured),
            ("tool_choice", json!({"type": "any"}), Honoured),
            ("tool_choice", json!({"type": "auto", "disable_parallel_tool_use": true}), Honoured),
            ("tools/0/cache_control", json!({"type": "ephemeral"}), WithoutEffect),
            ("tools/0/strict", json!(true), Honoured),
            ("tools/0/description", json!("d"), Honoured),
            ("tools/0/input_examples", json!([{}]), Named),
            ("tools/0/type", json!("web_search_20250305"), Refused),
            ("top_k", json!(7), Honoured),
            ("top_p", json!(0.5), Honoured),
        ],
    );
}

#[test]
fn ollama_chat() {
    let read: Read = |body| seen(ollama::parse_chat(body, &meta()));
    let base = json!({
        "model": "coder:latest", "messages": [{"role": "user", "content": "hi"}], "logprobs": true,
        "options": {},
    });
    walk(
        "Ollama",
        read,
        &base,
        &[
            ("format", json!("json"), Honoured),
            ("keep_alive", json!("5m"), WithoutEffect),
            ("keep_alive", json!(0), WithoutEffect),
            ("keep_alive", json!([]), Refused),
            ("logprobs", json!(false), Honoured),
            ("messages/0/images", json!(["aGk="]), Honoured),
            ("messages/0/thinking", json!("hm"), Honoured),
            ("options/frequency_penalty", json!(0.5), Honoured),
            ("options/min_p", json!(0.1), Honoured),
            ("options/mirostat", json!(2), Refused),
            ("options/mirostat", json!(0), WithoutEffect),
            ("options/num_batch", json!(64), WithoutEffect),
            ("options/num_ctx", json!(8192), Honoured),
            ("options/num_gpu", json!(1), WithoutEffect),
            ("options/num_keep", json!(5), WithoutEffect),
            ("options/num_predict", json!(7), Honoured),
            ("options/num_thread", json!(2), WithoutEffect),
            ("options/penalize_newline", json!(false), Named),
            ("options/presence_penalty", json!(0.5), Honoured),
            ("options/repeat_last_n", json!(33), Named),
            ("options/repeat_penalty", json!(1.1), Honoured),
            ("options/seed", json!(7), Honoured),
            ("options/stop", json!(["x"]), Honoured),
            ("options/temperature", json!(0.5), Honoured),
            ("options/tfs_z", json!(0.5), Refused),
            ("options/top_k", json!(7), Honoured),
            ("options/top_p", json!(0.5), Honoured),
            ("options/typical_p", json!(0.5), Refused),
            ("shift", json!(false), WithoutEffect),
            ("stream", json!(false), Honoured),
            ("think", json!(true), Honoured),
            ("tools", json!([function("f")]), Honoured),
            ("top_logprobs", json!(3), Honoured),
            ("truncate", json!(false), WithoutEffect),
        ],
    );
}

#[test]
fn ollama_generate() {
    let read: Read = |body| seen(ollama::parse_generate(body, &meta()));
    let base = json!({"model": "coder", "prompt": "hi"});
    walk(
        "Ollama",
        read,
        &base,
        &[
            ("context", json!([1, 2]), Refused),
            ("format", json!("json"), Honoured),
            ("images", json!(["aGk="]), Honoured),
            ("keep_alive", json!(-1), WithoutEffect),
            ("options", json!({"seed": 7}), Honoured),
            ("raw", json!(true), Honoured),
            ("stream", json!(false), Honoured),
            ("suffix", json!("x"), Refused),
            ("system", json!("be"), Honoured),
            ("template", json!("{{ .Prompt }}"), Refused),
            ("think", json!(false), Honoured),
        ],
    );
}

#[test]
fn unloading_an_agent_is_refused() {
    for nothing in [json!(0), json!("0"), json!("0s"), json!(0.0)] {
        let body = json!({"model": "coder", "keep_alive": nothing}).to_string();
        for asked in [
            seen(ollama::parse_chat(body.as_bytes(), &meta())),
            seen(ollama::parse_generate(body.as_bytes(), &meta())),
        ] {
            assert_eq!(
                asked.err().and_then(|e| e.param().map(str::to_owned)).as_deref(),
                Some("keep_alive")
            );
        }
    }
}
