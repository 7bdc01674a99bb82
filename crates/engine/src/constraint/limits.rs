//! Limits of forms: sizes checked before compilation, and fuel for the compiler and the masks.
//!
//! Fuel counts work instead of time, so what is rejected does not depend on the load of the
//! machine.

use llguidance::api::ParserLimits;

use super::sample_answers::SampleBudget;

/// Bytes of a schema or grammar, or of the schemas of all tools together.
pub const BYTES: usize = 256 << 10;
/// Nesting levels of a schema, including references, and of brackets in a grammar or expression.
pub const DEPTH: usize = 128;
/// Subschemas, counted without expanding references.
pub const NODES: usize = 10_000;
/// Merged subschemas (`allOf`, and `$ref` beside other keywords), with references expanded.
pub const MERGED: u64 = 20_000;
/// Properties of one object.
pub const PROPERTIES: usize = 1_000;
/// Properties of all objects together.
pub const ALL_PROPERTIES: usize = 5_000;
/// Alternatives of all `anyOf`, `oneOf` and `|` together.
pub const ALTERNATIVES: usize = 1_000;
/// Objects with additional properties among the alternatives at one position: each takes eleven
/// items in the parser's row after the opening brace.
pub const OPEN_ALTERNATIVES: usize = ITEMS_IN_ROW / ITEMS_OF_OPEN_OBJECT;
/// Parser items in one row.
pub(super) const ITEMS_IN_ROW: usize = 2_000;
/// Measured parser items of an object with additional properties after its brace.
const ITEMS_OF_OPEN_OBJECT: usize = 11;
/// Values of all `enum` together.
pub const VALUES: usize = 5_000;
/// Referenced definitions.
pub const DEFINITIONS: usize = 1_000;
/// Regular expressions.
pub const PATTERNS: usize = 100;
/// Bytes of all regular expressions together.
pub const PATTERN_BYTES: usize = 16 << 10;
/// `patternProperties` of one object, which the compiler compares pairwise.
pub const PATTERN_PROPERTIES: usize = 16;
/// Repetitions in an expression, multiplied if nested.
pub const REPETITIONS: u64 = 100_000;
/// Consecutive optional parts of an expression: where one may come, all after it may, so the work
/// of a step grows quadratically.
pub const OPTIONAL: u64 = 200;
/// Minimum items, characters or properties that a form may require; answers are never longer.
pub const DEMANDED: u64 = 100_000;
/// Rules and terminals of a grammar.
pub const RULES: usize = 500;

/// Limits up to which a form is compiled without a trial.
pub(super) mod small {
    pub const BYTES: usize = 16 << 10;
    pub const DEPTH: usize = 48;
    pub const NODES: usize = 400;
    pub const MERGED: u64 = 200;
    pub const PROPERTIES: usize = 100;
    pub const ALTERNATIVES: usize = 200;
    pub const VALUES: usize = 500;
    pub const PATTERNS: usize = 10;
    pub const PATTERN_BYTES: usize = 1_000;
    pub const REPETITIONS: u64 = 1_000;
    pub const OPTIONAL: u64 = 50;
    pub const RULES: usize = 60;
}

/// Stack size of threads that compile or compute masks, in bytes: `llguidance` recurses into a
/// form, with up to 10 kB a level in a release build. Only the used part takes memory.
pub(super) const STACK: usize = 256 << 20;
/// Address space of a trial process, in bytes, including its stack, beyond that of the program
/// itself.
pub(super) const CHILD_MEMORY: u64 = 768 << 20;
/// Processor time of a trial process, in seconds.
pub(super) const CHILD_CPU: u64 = 5;

/// Concurrent compilations of small forms.
pub(super) const LIGHT_AT_ONCE: usize = 2;
/// Concurrent trials and compilations of other forms.
pub(super) const HEAVY_AT_ONCE: usize = 1;
/// Queued forms of either kind; more are rejected.
pub(super) const WAITING: usize = 64;
/// Queued forms of one client.
pub(super) const WAITING_OF_CLIENT: usize = 16;

/// Budget of sample answers for forms compiled in this process.
pub(super) const IN_PROCESS_BUDGET: SampleBudget = SampleBudget { tokens: 40, work: 600_000 };
/// Budget of sample answers in a trial process.
pub(super) const TRIAL_BUDGET: SampleBudget = SampleBudget { tokens: 100, work: 8_000_000 };

/// Limits of `llguidance`, for compilation and all masks.
pub(super) fn parser() -> ParserLimits {
    ParserLimits {
        max_items_in_row: ITEMS_IN_ROW,
        initial_lexer_fuel: 1_000_000,
        step_lexer_fuel: 200_000,
        step_max_items: 50_000,
        // 1 to 2 kB each.
        max_lexer_states: 50_000,
        max_grammar_size: 200_000,
        precompute_large_lexemes: true,
        verbose_errors: false,
    }
}
