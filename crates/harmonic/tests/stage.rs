//! `scripts/stage`, which the Makefile and `.ci/run` run their commands with.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::path::Path;
use std::process::{Command, Output};

/// What a stage of this name and command leaves.
fn stage(arguments: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/stage");
    Command::new("sh").arg(script).args(arguments).output().unwrap()
}

fn said(output: &Output) -> Vec<String> {
    String::from_utf8_lossy(&output.stderr).lines().map(str::to_owned).collect()
}

/// Whether a line is `before`, a number and `after`.
fn has_number(line: &str, before: &str, after: &str) -> bool {
    let number = line.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
    number.is_some_and(|number| number.parse::<u64>().is_ok())
}

#[test]
fn a_stage_says_what_runs_and_how_long_it_took() {
    let output = stage(&["look around", "echo", "here", "and there"]);
    let said = said(&output);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(said.len(), 2, "{said:?}");
    assert_eq!(said[0], "=== look around: echo here and there");
    assert!(has_number(&said[1], "=== look around: ", " s"), "{said:?}");
}

#[test]
fn what_a_command_prints_is_all_there_is_on_stdout() {
    let output = stage(&["print", "echo", "a  b"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "a  b\n", "arguments stay as they are");
}

#[test]
fn the_exit_code_is_the_commands() {
    let output = stage(&["fail", "sh", "-c", "echo why >&2; exit 7"]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(said[1], "why");
    assert!(has_number(&said[2], "=== fail: FAILED after ", " s (exit code 7)"), "{said:?}");
}

#[test]
fn a_command_that_cannot_be_started_fails() {
    let output = stage(&["start", "/nowhere/program"]);
    assert_eq!(output.status.code(), Some(127), "{output:?}");
}

#[test]
fn a_stage_without_a_command_shows_the_usage() {
    let output = stage(&["alone"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output)[0].starts_with("usage: stage NAME COMMAND"), "{output:?}");
}
