//! The official client libraries, and hostile clients, all in Python, against the binary. The cases
//! are the `test_*.py` of the sibling directories: `real` with llama.cpp and the starter model,
//! `sim` with the simulated machine, whose `OpenAPI` document is also checked against its
//! behaviour. The Rust files start the servers.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::process::Command;

mod cases;
mod environment;
#[path = "../cli/harness.rs"]
#[expect(dead_code, reason = "the command line's tests use the rest of it")]
mod harness;

use cases::run;
use harness::{Server, User, binary};

/// Minimum number of cases; fewer mean that some were lost.
const ON_THE_REAL_ENGINE: usize = 150;
const ON_THE_SIMULATED_MACHINE: usize = 200;

#[test]
#[ignore = "needs clients that `make test-real` installs"]
fn official_clients_work() {
    // The user's store, into which `make test` has pulled the starter model.
    // The cases have prompts that do not fit this context.
    let mut up = binary(["up", "--stack", "starter", "--context", "2048", "--port", "0", "--yes"]);
    let passed = all_pass("real", &mut up);
    assert!(passed >= ON_THE_REAL_ENGINE, "only {passed} cases ran");
}

#[test]
#[ignore = "needs clients that `make test-real` installs"]
fn hostile_clients_are_refused() {
    let user = User::new();
    let mut up = user.harmonic(["up", "--stack", "starter", "--engine", "sim"]);
    let passed = all_pass("sim", &mut up);
    assert!(passed >= ON_THE_SIMULATED_MACHINE, "only {passed} cases ran");
}

/// Runs the cases of `folder` against the server that `up` starts; returns their number. Afterwards
/// the server must be idle and stop on request.
#[track_caller]
fn all_pass(folder: &str, up: &mut Command) -> usize {
    let server = Server::start(up);
    let cases = run(folder, &server.url);
    server.signal("TERM");
    let ended = server.end();
    let passed = cases.unwrap_or_else(|failed| panic!("{failed}\n\nthe server: {ended:?}"));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.err.contains("stopped: no answer was running"), "{ended:?}");
    assert!(!ended.err.contains("panicked"), "{ended:?}");
    passed
}
