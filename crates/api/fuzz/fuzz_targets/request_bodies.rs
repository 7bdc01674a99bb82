//! Any bytes as the body of a request, in each of the three dialects: a request or an error, without
//! a panic, and what was read can be answered.
//!
//! `cargo +nightly fuzz run request_bodies -- -rss_limit_mb=512` in `crates/api`.
#![no_main]

use bytes::BytesMut;
use harmonic_api::openai::{completions, responses};
use harmonic_api::{
    ResponseEncoder, Asked, Fault, FaultClass, Finish, CollectedAnswer, ResponseMeta, Invalid, anthropic,
    decode_embed, decode_embeddings, ollama, openai, read,
};
use harmonic_types::{Event, RequestId, Usage};
use libfuzzer_sys::fuzz_target;

/// Answers what was asked, streamed and whole.
fn answer<W: ResponseEncoder + Clone>(asked: Result<Asked<W>, Invalid>) {
    let asked = match asked {
        Ok(asked) => asked,
        Err(invalid) => {
            assert!(!invalid.to_string().is_empty() && !invalid.code().is_empty());
            return;
        }
    };
    assert!(!asked.request.agent.0.is_empty());
    let mut out = BytesMut::new();
    let text = Event::Text { text: "é\n\"".to_owned(), logprobs: Vec::new() };
    let call = Event::ToolCall { index: 0, id: "c".to_owned(), name: "f".to_owned() };
    let mut writer = asked.writer.clone();
    writer.ping(&mut out);
    writer.open(7, &mut out);
    for event in [&text, &call, &Event::ToolArguments { index: 0, text: "{}".to_owned() }] {
        writer.event(0, event, &mut out);
    }
    for finish in [Finish::Stop, Finish::StopString { index: u32::MAX }, Finish::Length] {
        writer.clone().end(0, finish, Usage::default(), &mut out);
    }
    writer.clone().close(Usage::default(), &mut out);
    let fault =
        Fault { class: FaultClass::Failed, code: "c", param: None, message: "m".into() };
    writer.fail(&fault, &mut out);
    assert!(str::from_utf8(&out).is_ok());
    let mut gathered = CollectedAnswer::default();
    gathered.push(text);
    gathered.push(call);
    gathered.end(Finish::ToolCalls, Usage::default());
    out.clear();
    asked.writer.whole(vec![gathered], Usage::default(), &mut out);
    assert!(out.starts_with(b"{"));
}

fuzz_target!(|body: &[u8]| {
    let heading = ResponseMeta { id: RequestId(1), name: "1-1".to_owned(), created: 0 };
    answer(openai::ask(body, &heading));
    answer(completions::ask(body, &heading));
    answer(responses::ask(body, &heading));
    answer(ollama::ask_chat(body, &heading));
    answer(ollama::ask_generate(body, &heading));
    answer(anthropic::ask(body, &heading));
    let _ = read(body).and_then(anthropic::decode_count);
    let _ = read(body).and_then(decode_embed);
    let _ = read(body).and_then(decode_embeddings);
    let _ = read::<ollama::ShowBody>(body);
    let _ = read::<ollama::PullBody>(body);
});
