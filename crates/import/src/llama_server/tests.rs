use super::*;
use crate::note::Note;

fn read(command: &str) -> (ServerSettings, Vec<Note>) {
    let words: Vec<String> = command.split(' ').map(str::to_owned).collect();
    let (mut settings, mut notes) = (ServerSettings::default(), Notes::new("x"));
    read_words(&words, &mut settings, &Place::line(7), &mut notes);
    (settings, notes.list)
}

fn context(command: &str) -> Option<u32> {
    read(command).0.context().map(|tokens| tokens.0)
}

#[test]
fn the_context_is_that_of_one_slot() {
    assert_eq!(context("-c 8192"), Some(8192));
    assert_eq!(context("-c 8192 -np 4"), Some(2048), "slots of a stated number divide the cells");
    assert_eq!(context("-c 8192 -np 4 -kvu"), Some(8192), "a unified cache is for any of them");
    assert_eq!(context("-c 8192 -np 4 -no-kvu"), Some(2048));
    assert_eq!(context("-c 8192 -np -1"), Some(8192), "the server chooses, with a unified cache");
    assert_eq!(context("-c 8192 -np 4 -kvu --kv-unified-per-slot 3000"), Some(3000));
    assert_eq!(context("--kv-unified-per-slot 3000"), Some(3000));
    assert_eq!(context("-c 0"), None);
    assert_eq!(context("-c 3 -np 4"), None, "none is left for a slot");
    assert_eq!(context("-np 2"), None);
}

#[test]
fn a_model_is_a_path_or_one_of_the_hub() {
    let model = |command: &str| read(command).0.model();
    assert_eq!(model("-m /m/a.gguf").as_deref(), Some("/m/a.gguf"));
    assert_eq!(model("--model plain").as_deref(), Some("./plain"));
    assert_eq!(model("-hf org/Repo-GGUF:Q8_0").as_deref(), Some("hf:org/Repo-GGUF:Q8_0"));
    assert_eq!(model("-hf org/Repo:Q8_0 -hff a.gguf").as_deref(), Some("hf:org/Repo/a.gguf"));
    assert_eq!(model("--temp 1"), None);
}

#[test]
fn sampling_and_thinking_are_taken_over() {
    let (settings, _) = read("--temp 0.6 --top-k 20 --top_p 0.9 --min-p 0 --reasoning off");
    let sampling = settings.sampling;
    assert_eq!((sampling.temperature, sampling.top_k), (Some(0.6), Some(20)));
    assert_eq!((sampling.top_p, sampling.min_p), (Some(0.9), Some(0.0)));
    assert_eq!(settings.thinking, Some(false));
    assert_eq!(read("--reasoning-budget 0").0.thinking, Some(false));
    assert_eq!(read("--reasoning-budget 100").0.thinking, None);
    assert_eq!(read("--chat-template-kwargs {\"enable_thinking\":true}").0.thinking, Some(true));
}

#[test]
fn every_word_is_understood_or_noted() {
    let (_, notes) = read(
        "-m a --port 8080 -fa on -fa -ngl 99 --no-such secret --other=secret stray --temp x \
         --control-vector-layer-range 1 2 -np 0 -c",
    );
    let listed: Vec<_> = notes.iter().map(|note| (note.subject.as_str(), note.kind)).collect();
    assert_eq!(
        listed,
        [
            ("--port", NoteKind::NotExpressed),
            ("-fa", NoteKind::NotExpressed),
            ("-fa", NoteKind::NotExpressed),
            ("-ngl", NoteKind::NotExpressed),
            ("--no-such", NoteKind::Unknown),
            ("--other", NoteKind::Unknown),
            ("a word of the command", NoteKind::Unknown),
            ("--temp", NoteKind::Invalid),
            ("-np", NoteKind::Invalid),
            ("-c", NoteKind::Invalid),
        ]
    );
    assert!(notes.iter().all(|note| !note.to_string().contains("secret")), "{notes:?}");
    assert!(notes.iter().all(|note| note.line == Some(7)));
}
