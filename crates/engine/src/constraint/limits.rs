//! What a form may cost: the limits that are held before anything is compiled, and those of the
//! compiler and of the masks, in fuel.
//!
//! Fuel is work that is counted, not time that passes, so what is refused does not depend on how
//! busy the machine is.

use llguidance::api::ParserLimits;

use super::sample_answers::SampleBudget;

/// Most bytes of a schema or a grammar, of all tools together where a call is forced.
pub const BYTES: usize = 256 << 10;
/// Most levels of a schema that lie within one another, references included, and of brackets in a
/// grammar or an expression.
pub const DEPTH: usize = 128;
/// Most subschemas, each counted where it stands.
pub const NODES: usize = 10_000;
/// Most subschemas that are merged, counted once for each place where a reference brings them in:
/// `allOf`, and `$ref` beside other keywords.
pub const MERGED: u64 = 20_000;
/// Most properties of one object.
pub const PROPERTIES: usize = 1_000;
/// Most properties of all objects together.
pub const ALL_PROPERTIES: usize = 5_000;
/// Most alternatives of all `anyOf`, `oneOf` and `|` together.
pub const ALTERNATIVES: usize = 1_000;
/// Most objects among the alternatives at one place that may have properties which they do not name:
/// each has eleven items in the parser's row behind the opening brace.
pub const OPEN_ALTERNATIVES: usize = ITEMS_IN_ROW / ITEMS_OF_OPEN_OBJECT;
/// Items of the parser in one row.
pub(super) const ITEMS_IN_ROW: usize = 2_000;
/// Items of an open object behind its brace, measured.
const ITEMS_OF_OPEN_OBJECT: usize = 11;
/// Most values of all `enum` together.
pub const VALUES: usize = 5_000;
/// Most definitions that are referred to.
pub const DEFINITIONS: usize = 1_000;
/// Most regular expressions.
pub const PATTERNS: usize = 100;
/// Most bytes of all regular expressions together.
pub const PATTERN_BYTES: usize = 16 << 10;
/// Most `patternProperties` of one object: each is compared with each.
pub const PATTERN_PROPERTIES: usize = 16;
/// Most repetitions that an expression asks for, multiplied where they are nested.
pub const REPETITIONS: u64 = 100_000;
/// Most parts in a row of an expression that may be left out: where one may come, all after it may,
/// and the work of a step grows with the square.
pub const OPTIONAL: u64 = 200;
/// Most items, characters or properties that a form may demand: no answer is longer.
pub const DEMANDED: u64 = 100_000;
/// Most rules and terminals of a grammar.
pub const RULES: usize = 500;

/// The size up to which a form is compiled without being tried in a process of its own.
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

/// Bytes of stack of a thread that compiles or computes masks: `llguidance` goes down a form by
/// recursion, up to 10 kB a level in a release build. Only what is used takes memory.
pub(super) const STACK: usize = 256 << 20;
/// Bytes of address space that a process which tries a form may take, its stack included, beyond what
/// the program itself takes.
pub(super) const CHILD_MEMORY: u64 = 768 << 20;
/// Seconds of processor time of a process that tries a form.
pub(super) const CHILD_CPU: u64 = 5;

/// Forms that are compiled at once without having been tried.
pub(super) const LIGHT_AT_ONCE: usize = 2;
/// Forms that are tried and compiled at once.
pub(super) const HEAVY_AT_ONCE: usize = 1;
/// Forms that wait to be compiled, of either kind; more are turned away.
pub(super) const WAITING: usize = 64;
/// Those of one client among them.
pub(super) const WAITING_OF_CLIENT: usize = 16;

/// How far sample answers of a form that is compiled in this process are followed.
pub(super) const IN_PROCESS_BUDGET: SampleBudget = SampleBudget { tokens: 40, work: 600_000 };
/// How far those of one that is tried in a process of its own are.
pub(super) const TRIAL_BUDGET: SampleBudget = SampleBudget { tokens: 100, work: 8_000_000 };

/// The limits of `llguidance`, in force for compiling, for the first mask and for all others.
pub(super) fn parser() -> ParserLimits {
    ParserLimits {
        max_items_in_row: ITEMS_IN_ROW,
        initial_lexer_fuel: 1_000_000,
        step_lexer_fuel: 200_000,
        step_max_items: 50_000,
        // One to two kB each.
        max_lexer_states: 50_000,
        max_grammar_size: 200_000,
        precompute_large_lexemes: true,
        verbose_errors: false,
    }
}
