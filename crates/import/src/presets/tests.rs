use harmonic_types::Tokens;

use super::*;
use crate::note::Note;

const PRESETS: &str = "\
version = 1

; for all
[*]
temp = 0.6        # a comment
ctx-size = 16384
n-gpu-layers = 99

[qwen3-8b]
model = /models/Qwen3 8B.gguf
parallel = 4
load-on-startup = true
no-such-key = 1

[org/Repo-GGUF:Q8_0]
temp = 3
LLAMA_ARG_CTX_SIZE = 4096
kv-unified = on

[nothing]
top-k = 1
";

fn lines(notes: &[Note]) -> Vec<(Option<usize>, &str, NoteKind)> {
    let stated = notes.iter().filter(|note| note.kind != NoteKind::Assumed);
    stated.map(|note| (note.line, note.subject.as_str(), note.kind)).collect()
}

fn error(text: &str) -> String {
    presets(text, "presets.ini").unwrap_err().to_string()
}

#[test]
fn a_section_is_an_agent_with_the_settings_of_all() {
    let imported = presets(PRESETS, "presets.ini").unwrap();
    let agents = imported.stack.unwrap().agents;
    let shown: Vec<_> = agents
        .iter()
        .map(|it| (it.name.0.as_str(), it.model.as_str(), it.context, it.sampling.temperature))
        .collect();
    assert_eq!(
        shown,
        [
            ("qwen3-8b", "/models/Qwen3 8B.gguf", Tokens(4096), 0.6),
            ("org-repo-gguf-q8_0", "hf:org/Repo-GGUF:Q8_0", Tokens(4096), 0.6),
        ]
    );
    assert_eq!(
        lines(&imported.notes),
        [
            (Some(7), "n-gpu-layers", NoteKind::NotExpressed),
            (Some(11), "parallel", NoteKind::NotExpressed),
            (Some(12), "load-on-startup", NoteKind::NotExpressed),
            (Some(13), "no-such-key", NoteKind::Unknown),
            (Some(16), "temp", NoteKind::Invalid),
            (Some(18), "kv-unified", NoteKind::NotExpressed),
            (Some(20), "nothing", NoteKind::LeftOut),
            (Some(15), "org/Repo-GGUF:Q8_0", NoteKind::Changed),
        ]
    );
}

#[test]
fn keys_before_the_first_section_are_of_the_model_default() {
    let imported = presets("m = /a.gguf\nm = /b.gguf\n", "presets.ini").unwrap();
    let agents = imported.stack.unwrap().agents;
    assert_eq!((agents[0].name.0.as_str(), agents[0].model.as_str()), ("default", "/b.gguf"));
    assert_eq!(lines(&imported.notes), [(Some(1), "m", NoteKind::Changed)]);
}

#[test]
fn the_last_of_two_sections_counts() {
    let text = "[a]\nm = /a.gguf\ntop-k = 1\n[a]\nm = /b.gguf\n";
    let imported = presets(text, "presets.ini").unwrap();
    let agents = imported.stack.unwrap().agents;
    assert_eq!((agents.len(), agents[0].model.as_str()), (1, "/b.gguf"));
    assert_eq!(lines(&imported.notes), [(Some(1), "a", NoteKind::Changed)]);
}

#[test]
fn what_is_no_preset_is_an_error_with_its_line() {
    assert!(error("[a\n").starts_with("presets.ini:1: invalid section"));
    assert!(error("\r\n[]").starts_with("presets.ini:2: invalid section"));
    assert!(error("[a]\nkey\n").starts_with("presets.ini:2: expected `[NAME]`"));
    assert!(error("[a]\nk y = 1\n").contains("invalid key"));
    let sections: Vec<String> = (0..2000).map(|number| format!("[m{number}]")).collect();
    let many = sections.join("\n");
    assert!(error(&many).contains("2000 models: expected at most 1000"));
}

#[test]
fn nothing_is_imported_of_an_empty_text() {
    let imported = presets("", "presets.ini").unwrap();
    assert_eq!((imported.stack.clone(), imported.text(), imported.notes), (None, None, Vec::new()));
}
