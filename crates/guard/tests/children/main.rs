//! Guarded children as real processes, of which any may be killed.
//!
//! This program has its own `main`, since it is started again as guard, as owner and as program.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::missing_panics_doc,
    reason = "a test with a main of its own"
)]

mod ends;
mod kills;
mod output;
mod own_process;
mod starts;
mod trees;

use std::panic::catch_unwind;
use std::process::ExitCode;

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
        Some(own_process::GUARD) => return harmonic_guard::run(),
        Some(own_process::OWNER) => return own_process::own(&rest),
        Some(output::FLOOD) => return output::flood(&rest),
        _ => {}
    }
    let tests = starts::TESTS.iter().chain(ends::TESTS).chain(output::TESTS).chain(kills::TESTS);
    let tests: Vec<Test> = tests.chain(trees::TESTS).copied().collect();
    if arguments.iter().any(|argument| argument == "--list") {
        for (name, _) in tests {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    // As with tests that are marked: none is here.
    if arguments.iter().any(|argument| argument == "--ignored") {
        return ExitCode::SUCCESS;
    }
    let wanted = arguments.iter().find(|argument| !argument.starts_with("--"));
    let mut failed = Vec::new();
    // One after another: each looks at all processes of this program.
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
