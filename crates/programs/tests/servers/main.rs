//! A server of Ollama with the environment and the models that this crate writes: the stand-in of
//! `fake_ollama`, and with `make test-real` a real one. Both pass the same tests. Besides, a real
//! llama-server with the flags that this crate writes.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]
#![cfg(target_os = "linux")]

mod behaviour;
mod http;
mod llama_server;
mod server;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use harmonic_programs::{tested, version};
use harmonic_types::EngineProgram;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// An Ollama and a model for it.
#[derive(Debug)]
pub struct Subject {
    executable: PathBuf,
    gguf: PathBuf,
    digest: String,
    /// Folder of a model that is no model.
    _folder: Option<TempDir>,
}

fn fake() -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let gguf = folder.path().join("fake.gguf");
    fs::write(&gguf, "GGUF").unwrap();
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    subject(tests.join("fake_ollama/ollama"), gguf, Some(folder))
}

/// The Ollama of `scripts/peers.sh`.
fn real() -> Subject {
    peer("PEER_OLLAMA", "bin/ollama")
}

/// A program of `scripts/peers.sh`, or the one that `variable` names, with the model that
/// `make test-real` names.
fn peer(variable: &str, path: &str) -> Subject {
    let targets = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let installed = || OsString::from(targets.join("peers").join(path));
    let executable = env::var_os(variable).unwrap_or_else(installed);
    let gguf = env::var_os("HARMONIC_TEST_GGUF").expect("make test-real names a model");
    subject(executable.into(), gguf.into(), None)
}

fn subject(executable: PathBuf, gguf: PathBuf, folder: Option<TempDir>) -> Subject {
    let digest = hex::encode(Sha256::digest(fs::read(&gguf).unwrap()));
    Subject { executable, gguf, digest, _folder: folder }
}

macro_rules! behaviours {
    ($($name:ident),* $(,)?) => {
        mod stand_in {
            $(#[test]
            fn $name() {
                super::behaviour::$name(&super::fake());
            })*
        }
        mod real {
            $(#[test]
            #[ignore = "needs an Ollama that `make test-real` installs"]
            fn $name() {
                super::behaviour::$name(&super::real());
            })*
        }
    };
}

behaviours!(
    registered_models_are_listed_and_answer_without_a_copy_of_their_file,
    as_many_answers_run_at_once_as_the_plan_says,
    without_settings_one_answer_runs_at_a_time_and_the_log_says_so,
    the_log_of_a_planned_server_has_the_settings_of_the_plan,
    another_context_loads_the_model_anew,
    a_full_queue_of_cold_requests_is_refused,
    an_answer_whose_runner_ends_has_no_end_and_the_next_one_has,
    a_runner_outlives_its_killed_server,
    a_port_that_is_taken_ends_the_server_with_an_error,
    a_removed_model_is_unknown,
);

#[test]
fn the_stand_in_states_a_version_that_was_tested() {
    let found = version(EngineProgram::Ollama, &fake().executable).unwrap();
    assert_eq!(found.to_string(), "0.33.0");
    assert_eq!(tested(EngineProgram::Ollama, &found), Ok(()));
}
