//! Tools in real processes: servers that misbehave, commands that attack.
//!
//! This program has its own `main`, since it is started again as helper, as server and as command.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::missing_panics_doc,
    reason = "a test with a main of its own"
)]

mod attacks;
mod commands;
mod http;
mod http_server;
mod own_process;
mod real;
mod server;
mod servers;

use std::panic::catch_unwind;
use std::process::ExitCode;

use harmonic_tools::run_helper;

/// A test: its name and what it does.
type Test = (&'static str, fn());

/// Lists functions as tests of a module.
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        pub const TESTS: &[crate::Test] = &[$((concat!(module_path!(), "::", stringify!($name)), $name)),*];
    };
}
use tests;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rest: Vec<&str> = arguments.iter().skip(1).map(String::as_str).collect();
    match arguments.first().map(String::as_str) {
        Some(own_process::HELPER) => return run_helper(),
        Some(own_process::SERVER) => return server::serve(rest[0]),
        Some(own_process::ATTACK) => return attacks::attack(&rest),
        Some(own_process::OWNER) => return own_process::own(&rest),
        _ => {}
    }
    let own = servers::TESTS.iter().chain(http::TESTS).chain(commands::TESTS);
    // As with tests that are marked: these need what `make test-real` installs.
    let ignored = arguments.iter().any(|argument| argument == "--ignored");
    let tests: Vec<Test> = if ignored { real::TESTS.to_vec() } else { own.copied().collect() };
    if arguments.iter().any(|argument| argument == "--list") {
        for (name, _) in tests {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    let wanted = arguments.iter().find(|argument| !argument.starts_with("--"));
    let mut failed = Vec::new();
    for (name, test) in tests {
        if wanted.is_some_and(|part| !name.contains(part.as_str())) {
            continue;
        }
        print!("test {name} ... ");
        if catch_unwind(test).is_ok() {
            println!("ok");
        } else {
            println!("FAILED");
            failed.push(name);
        }
    }
    if failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("failed: {}", failed.join(", "));
    ExitCode::FAILURE
}
