use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::*;

fn script(folder: &Path, text: &str) -> PathBuf {
    let file = folder.join("program");
    fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    file
}

#[test]
fn the_version_is_found_in_what_each_program_prints() {
    let ollama = "Warning: could not connect to a running Ollama instance\n\
                  Warning: client version is 0.33.0\n";
    let other_server = "ollama version is 0.15.6\nWarning: client version is 0.33.0\n";
    let llama =
        "ggml_cuda_init: found 0 devices\nversion: 11434 (a1b2c3d)\nbuilt with GNU 12.2.0\n";
    let vllm = "INFO 11-29 12:00:00 [__init__.py:216] platform cpu\n0.24.0rc1.dev3+g12\n";
    for (program, output, expected) in [
        (EngineProgram::Ollama, ollama, "0.33.0"),
        (EngineProgram::Ollama, other_server, "0.33.0"),
        (EngineProgram::Ollama, "ollama version is 0.32.15", "0.32.15"),
        (EngineProgram::LlamaServer, llama, "11434"),
        (
            EngineProgram::LlamaServer,
            "version: 0.6.0-dev (build 11434, commit 050c278)\nbuilt with GNU 12.2.0\n",
            "11434",
        ),
        (EngineProgram::Vllm, vllm, "0.24.0"),
    ] {
        assert_eq!(stated(program, output).unwrap().to_string(), expected, "{output}");
    }
    for program in EngineProgram::ALL {
        for other in
            ["", "usage: program [FILE]", "version", "version: unknown", "99999999999999999999999"]
        {
            assert_eq!(stated(program, other), None, "{program} {other}");
        }
    }
}

#[test]
fn a_version_outside_of_what_was_tested_is_reported_with_those_tested() {
    let of = |text: &str| Version::parse(text).unwrap();
    for known in ["0.15.6", "0.32.15", "v0.33.0-rc1"] {
        assert_eq!(tested(EngineProgram::Ollama, &of(known)), Ok(()));
    }
    assert_eq!(tested(EngineProgram::LlamaServer, &of("11434")), Ok(()));
    for other in ["0.3.3", "0.330.0", "1.15.0", "0"] {
        let finding = tested(EngineProgram::Ollama, &of(other)).unwrap_err();
        assert!(finding.message.contains("tested: 0.15, 0.32, 0.33"), "{finding:?}");
    }
    let finding = tested(EngineProgram::Vllm, &of("0.24.0")).unwrap_err();
    assert!(finding.message.contains("no version of vllm was tested"), "{finding:?}");
}

#[test]
fn versions_are_ordered_by_their_numbers() {
    let of = |text: &str| Version::parse(text).unwrap();
    assert!(of("0.9.0") < of("0.15.6"));
    assert!(of("0.32.0").is_from(0, 32) && of("1.0").is_from(0, 32));
    assert!(!of("0.15.6").is_from(0, 32));
}

#[test]
fn a_program_is_probed_and_what_it_prints_on_either_stream_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let program = script(folder.path(), "echo 'version: 11434 (abc)' >&2");
    let found = version(EngineProgram::LlamaServer, &program).unwrap();
    assert_eq!(found.to_string(), "11434");
    let other = version(EngineProgram::Ollama, &program).unwrap_err().to_string();
    assert!(other.contains("states no version of ollama: `version: 11434 (abc)`"), "{other}");
    let absent = version(EngineProgram::Ollama, &folder.path().join("absent")).unwrap_err();
    assert!(absent.to_string().contains("cannot run"), "{absent}");
}

#[test]
fn a_program_that_prints_without_end_or_never_ends_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    for text in ["exec yes", "exec sleep 1000"] {
        let program = script(folder.path(), text);
        let failed = output(&program, Duration::from_millis(300)).unwrap_err().to_string();
        assert!(failed.contains("did not end within"), "{failed}");
    }
}
