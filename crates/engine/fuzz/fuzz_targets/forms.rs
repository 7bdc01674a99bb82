//! Fuzzing of forms: each is measured, and compiled if small. Nothing may panic, overflow the stack
//! or exceed libFuzzer's limits.
//!
//! `cargo +nightly fuzz run forms -- -rss_limit_mb=2048 -max_len=4096` in `crates/engine`.
#![no_main]

use std::sync::LazyLock;

use harmonic_engine::constraint::{Form, Grammars};
use harmonic_engine::sim::SimVocabulary;
use harmonic_types::Format;
use libfuzzer_sys::fuzz_target;

static GRAMMARS: LazyLock<Grammars> =
    LazyLock::new(|| Grammars::new("fuzz", &SimVocabulary).expect("a vocabulary with an end"));

fuzz_target!(|input: &[u8]| {
    let Some((kind, text)) = input.split_first() else { return };
    let text = String::from_utf8_lossy(text).into_owned();
    let format = match kind % 3 {
        0 => Format::JsonSchema(text),
        1 => Format::Grammar(text),
        _ => Format::Regex(text),
    };
    if let Ok(form) = Form::of(&format)
        && !form.is_heavy()
    {
        // An error is a valid result.
        let _compiled = GRAMMARS.compile(&format);
    }
});
