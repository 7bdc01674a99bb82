//! Arbitrary bytes as request bodies in each of the three dialects: a request or an error, never a
//! panic, and every parsed request can be answered.
//!
//! `cargo +nightly fuzz run request_bodies -- -rss_limit_mb=512` in `crates/api`.
#![no_main]

use bytes::BytesMut;
use harmonic_api::openai::{completions, responses};
use harmonic_api::{
    ResponseEncoder, ParsedRequest, WireError, ErrorClass, Finish, CollectedAnswer, ResponseMeta, ValidationError, anthropic,
    ollama, openai, parse_embed, parse_embeddings, parse_older_embed, read,
};
use harmonic_types::{Event, RequestId, Usage};
use libfuzzer_sys::fuzz_target;

/// Answers the parsed request, as a stream and as a document.
fn answer<W: ResponseEncoder + Clone>(parsed: Result<ParsedRequest<W>, ValidationError>) {
    let parsed = match parsed {
        Ok(parsed) => parsed,
        Err(invalid) => {
            assert!(!invalid.to_string().is_empty() && !invalid.code().is_empty());
            return;
        }
    };
    assert!(!parsed.request.agent.0.is_empty());
    let mut out = BytesMut::new();
    let text = Event::Text { text: "é\n\"".to_owned(), logprobs: Vec::new() };
    let call = Event::ToolCall { index: 0, id: "c".to_owned(), name: "f".to_owned() };
    let mut encoder = parsed.encoder.clone();
    encoder.ping(&mut out);
    encoder.open(7, &mut out);
    for event in [&text, &call, &Event::ToolArguments { index: 0, text: "{}".to_owned() }] {
        encoder.event(0, event, &mut out);
    }
    for finish in [Finish::Stop, Finish::StopString { index: u32::MAX }, Finish::Length] {
        encoder.clone().end(0, finish, Usage::default(), &mut out);
    }
    encoder.clone().close(Usage::default(), &mut out);
    let error =
        WireError { class: ErrorClass::Failed, code: "c", param: None, message: "m".into() };
    encoder.fail(&error, &mut out);
    assert!(str::from_utf8(&out).is_ok());
    let mut collected = CollectedAnswer::default();
    collected.push(text);
    collected.push(call);
    collected.end(Finish::ToolCalls, Usage::default());
    out.clear();
    parsed.encoder.document(vec![collected], Usage::default(), &mut out);
    assert!(out.starts_with(b"{"));
}

fuzz_target!(|body: &[u8]| {
    let meta = ResponseMeta { id: RequestId(1), name: "1-1".to_owned(), created: 0 };
    answer(openai::parse(body, &meta));
    answer(completions::parse(body, &meta));
    answer(responses::parse(body, &meta));
    answer(ollama::parse_chat(body, &meta));
    answer(ollama::parse_generate(body, &meta));
    answer(anthropic::parse(body, &meta));
    let _ = read(body).and_then(anthropic::decode_count);
    let _ = parse_embed(body);
    let _ = parse_older_embed(body);
    let _ = parse_embeddings(body);
    let _ = read::<ollama::ShowBody>(body);
    let _ = read::<ollama::PullBody>(body);
});
