//! `plan --emit`: files in a directory or on stdout.

use std::fs;

use crate::harness::User;

#[test]
fn the_files_of_ollama_go_to_a_folder_and_not_over_others() {
    let user = User::new();
    let emit = ["plan", "--stack", "standard", "--hardware", "dgx-spark", "--emit", "ollama"];
    let to_folder = || user.run(emit.into_iter().chain(["--out", "files"]));
    let ran = to_folder();
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""), "{ran:?}");
    let modelfile = fs::read_to_string(user.home().join("files/coder.Modelfile")).unwrap();
    assert!(modelfile.starts_with("FROM qwen3:14b\nPARAMETER num_ctx "), "{modelfile}");
    assert_eq!(to_folder().code, Some(0), "the same again is no harm");
    user.file("files/coder.Modelfile", "FROM mine\n");
    to_folder().refuses(&["coder.Modelfile exists with other content", "--out"]);
}

#[test]
fn without_a_folder_each_file_is_shown_under_its_name() {
    let user = User::new();
    let ran =
        user.run(["plan", "--stack", "standard", "--hardware", "dgx-spark", "--emit", "systemd"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.starts_with("==> README.md <==\n"), "{ran:?}");
    assert!(ran.out.contains("\n==> coder.Modelfile <==\nFROM qwen3:14b\n"), "{ran:?}");
}

#[test]
fn emit_refuses_a_model_that_is_not_stored() {
    let user = User::new();
    let plan = ["plan", "--stack", "starter", "--emit", "llama-server"];
    user.run(plan).refuses(&["smollm2:135m is not downloaded", "harmonic models pull"]);
    user.run(["plan", "--out", "files"]).refuses_usage("--emit");
}
