use harmonic_types::{Tier, Tokens};

use super::*;

fn import(path: &str, text: &str) -> Imported {
    let surroundings = Surroundings { home: None, catalog: &["qwen3:4b"] };
    modelfiles(&[Modelfile { path: Path::new(path), text }], &surroundings).unwrap()
}

fn noted(imported: &Imported) -> Vec<(Option<usize>, &str, NoteKind)> {
    let stated = imported.notes.iter().filter(|note| note.kind != NoteKind::Assumed);
    stated.map(|note| (note.line, note.subject.as_str(), note.kind)).collect()
}

#[test]
fn a_modelfile_is_an_agent_named_by_its_file() {
    let imported = import(
        "files/coder.Modelfile",
        "# by hand\nFROM qwen3:4b\nPARAMETER num_ctx 8192\nPARAMETER stop \"x\"\nPARAMETER stop y\n\
         PARAMETER nope 1\nTEMPLATE \"\"\"{{ .Prompt }}\n\"\"\"\nSYSTEM \"\"\"You code.\n\"\"\"\n\
         MESSAGE user hi\nLICENSE MIT\nFANCY on\nSYSTEM You code well.\n",
    );
    let agent = &imported.stack.as_ref().unwrap().agents[0];
    assert_eq!((agent.name.0.as_str(), agent.model.as_str()), ("coder", "qwen3:4b"));
    assert_eq!((agent.context, agent.system.as_str()), (Tokens(8192), "You code well."));
    assert_eq!(
        noted(&imported),
        [
            (Some(4), "stop", NoteKind::NotExpressed),
            (Some(5), "stop", NoteKind::NotExpressed),
            (Some(6), "nope", NoteKind::Unknown),
            (Some(7), "TEMPLATE", NoteKind::NotExpressed),
            (Some(11), "MESSAGE", NoteKind::NotExpressed),
            (Some(12), "LICENSE", NoteKind::NotExpressed),
            (Some(13), "FANCY", NoteKind::Unknown),
            (Some(14), "SYSTEM", NoteKind::Changed),
        ]
    );
}

#[test]
fn a_system_message_stands_in_for_a_missing_system_prompt() {
    let imported = import("m/Modelfile", "FROM ./w.gguf\nMESSAGE system You write.\n");
    let agent = &imported.stack.as_ref().unwrap().agents[0];
    assert_eq!((agent.name.0.as_str(), agent.model.as_str()), ("m", "m/w.gguf"));
    assert_eq!(agent.system, "You write.");
    assert_eq!(noted(&imported), []);
}

#[test]
fn an_adapter_leaves_the_model_out() {
    let imported = import("a.modelfile", "FROM qwen3:4b\nADAPTER ./a.gguf\n");
    assert_eq!(imported.stack, None);
    assert_eq!(noted(&imported), [(None, "a", NoteKind::LeftOut)]);
}

#[test]
fn the_comment_of_an_emitted_file_completes_the_agent_unless_the_file_was_changed() {
    let comment = "# harmonic: {\"tier\":2,\"num_ctx\":4096,\"context\":2048,\"min_context\":null,\
                   \"role\":\"plans\",\"thinking\":false}\n";
    for (num_ctx, context) in [(4096, 2048), (1024, 1024)] {
        let text = format!("FROM a\nPARAMETER num_ctx {num_ctx}\n{comment}");
        let imported = import("a.Modelfile", &text);
        let agent = &imported.stack.as_ref().unwrap().agents[0];
        assert_eq!((agent.context, agent.tier), (Tokens(context), Tier::Directors));
        assert_eq!((agent.role.as_str(), agent.thinking), ("plans", false));
    }
    let imported = import("a.Modelfile", "FROM a\n# harmonic: {\"tier\":9}\n");
    assert_eq!(noted(&imported), [(Some(2), "# harmonic", NoteKind::Invalid)]);
}

#[test]
fn a_modelfile_without_a_base_is_an_error() {
    let file = Modelfile { path: Path::new("a.Modelfile"), text: "SYSTEM x\n" };
    let error = modelfiles(&[file], &Surroundings::default()).unwrap_err().to_string();
    assert!(error.starts_with("a.Modelfile:1: no FROM"), "{error}");
}

#[test]
fn names_come_from_files_and_their_folders() {
    for (path, expected) in [
        ("coder.Modelfile", "coder"),
        ("x/Modelfile.coder", "coder"),
        ("x/coder/Modelfile", "coder"),
        ("coder-modelfile", "coder"),
        ("coder.txt", "coder"),
        ("Modelfile", ""),
    ] {
        assert_eq!(name(Path::new(path)), expected, "{path}");
    }
}
