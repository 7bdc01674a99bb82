//! Arbitrary text as settings of each other program: the import returns, and a stack that it returns
//! is one of a stack file.
//!
//! `make fuzz TARGETS=imported_text`, or `cargo +nightly fuzz run imported_text` in `crates/import`.
#![no_main]

use std::path::Path;

use harmonic_import::{Modelfile, Surroundings, llama_swap, modelfiles, presets};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let surroundings = Surroundings { home: Some("/home/me"), catalog: &["qwen3:4b"] };
    let file = Modelfile { path: Path::new("a.Modelfile"), text };
    let imports = [
        modelfiles(&[file], &surroundings),
        presets(text, "presets.ini"),
        llama_swap(text, "config.yaml", &surroundings),
    ];
    for imported in imports.into_iter().flatten() {
        if let Some(text) = imported.text() {
            let read = harmonic_stack::parse(&text, "imported.toml").expect("a stack file");
            assert_eq!(Some(read), imported.stack);
        }
        for note in &imported.notes {
            assert!(!note.to_string().chars().any(char::is_control));
        }
    }
});
