//! End-to-end tests of the binary: arguments in, exit code, stdout and stderr out.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod background;
mod bad_input;
mod benchmarks;
#[cfg(target_os = "linux")]
mod dialogue;
mod doctor;
mod documents;
#[cfg(target_os = "linux")]
mod downloads;
mod elsewhere;
mod emit;
mod engines;
#[cfg(unix)]
mod evaluations;
mod forms;
mod harness;
mod imports;
#[cfg(unix)]
mod interrupt;
mod keys;
mod logs;
#[cfg(target_os = "linux")]
mod mcp;
mod plan;
mod ports;
#[cfg(target_os = "linux")]
mod pseudo_terminal;
mod pulling;
mod real;
#[cfg(target_os = "linux")]
mod run_benchmarks;
mod runs;
#[cfg(target_os = "linux")]
mod scripted_runs;
mod serving;
mod team_logs;
#[cfg(target_os = "linux")]
mod tools;
mod trades;
mod watching;
mod width;
