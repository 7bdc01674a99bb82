//! Arbitrary bytes as a GGUF file: the reader returns without a panic and within its memory limits.
//!
//! `cargo +nightly fuzz run gguf_header -- -rss_limit_mb=512` in `crates/models`.
#![no_main]

use harmonic_models::gguf::{Header, shape};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // The stated length is fuzzed too: it may be wrong for a pipe or a growing file.
    for length in [bytes.len() as u64, u64::MAX] {
        if let Ok(header) = Header::read(bytes, length) {
            let _ = header.check_length(length);
            let _ = shape(&header);
            let _ = header.chat_template();
        }
    }
});
