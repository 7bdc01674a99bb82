//! Arbitrary text as a stack file: the parser returns, and an accepted stack satisfies the crate's
//! invariants. The seeds are the built-in stacks.
//!
//! `make fuzz TARGETS=stack_file`, or `cargo +nightly fuzz run stack_file` in `crates/stack`.
#![no_main]

use std::collections::BTreeSet;

use harmonic_stack::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match parse(text, "fuzzed.toml") {
        Ok(stack) => {
            assert!(!stack.agents.is_empty());
            let names: BTreeSet<_> = stack.agents.iter().map(|agent| &agent.name.0).collect();
            assert_eq!(names.len(), stack.agents.len());
            for agent in &stack.agents {
                assert!(!agent.name.0.is_empty() && agent.context.0 >= 1);
                let sampling = &agent.sampling;
                assert!(sampling.temperature.is_finite() && sampling.temperature >= 0.0);
            }
        }
        // The message quotes a line of the text, which must exist.
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
