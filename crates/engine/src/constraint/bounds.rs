//! Size of a form, measured before it is compiled.
//!
//! Owns: the walk over a schema, grammar or regular expression that finds parts that are too deep,
//! too wide or unsatisfiable. The walk is not recursive and visits every part once.

mod lark;
mod nodes;
mod numbers;
mod pattern;
mod productive;
mod schema;

use super::limits::{self, small};

pub(super) use lark::measure as measure_lark;
pub(super) use pattern::measure as measure_pattern;
pub(super) use schema::measure as measure_schema;

/// Reason to reject a form before it is compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// A limit is exceeded.
    #[error("it has {value} {what}, and at most {limit} are allowed: {remedy}")]
    Limit {
        /// Name of the measured quantity.
        what: &'static str,
        /// Its value.
        value: u64,
        /// Its limit.
        limit: u64,
        /// Remedy for the client.
        remedy: &'static str,
    },
    /// The form is invalid or unsatisfiable.
    #[error("{0}")]
    Invalid(String),
}

/// Measured size of a form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) bytes: usize,
    pub(super) depth: usize,
    pub(super) nodes: usize,
    pub(super) merged: u64,
    /// Properties of the largest object.
    pub(super) properties: usize,
    pub(super) all_properties: usize,
    pub(super) alternatives: usize,
    pub(super) values: usize,
    pub(super) definitions: usize,
    pub(super) patterns: usize,
    pub(super) pattern_bytes: usize,
    pub(super) repetitions: u64,
    /// Consecutive optional parts of an expression.
    pub(super) optional: u64,
    pub(super) rules: usize,
}

impl Size {
    /// Combined size of this and `other` in one grammar.
    pub(super) fn with(self, other: Self) -> Self {
        Self {
            bytes: self.bytes + other.bytes,
            depth: self.depth.max(other.depth),
            nodes: self.nodes + other.nodes,
            merged: self.merged.saturating_add(other.merged),
            properties: self.properties.max(other.properties),
            all_properties: self.all_properties + other.all_properties,
            alternatives: self.alternatives + other.alternatives,
            values: self.values + other.values,
            definitions: self.definitions + other.definitions,
            patterns: self.patterns + other.patterns,
            pattern_bytes: self.pattern_bytes + other.pattern_bytes,
            repetitions: self.repetitions.max(other.repetitions),
            optional: self.optional.max(other.optional),
            rules: self.rules + other.rules,
        }
    }

    /// Checks the limits.
    ///
    /// # Errors
    /// The first exceeded limit.
    pub(super) fn check(&self) -> Result<(), SizeError> {
        let count = |value: usize| value as u64;
        let flatten = "flatten it, or ask for its parts one after the other";
        let fewer = "ask for its parts one after the other";
        let shorten = "use fewer or shorter expressions";
        let limits = [
            ("bytes", count(self.bytes), count(limits::BYTES), fewer),
            (
                "levels within one another, references included",
                count(self.depth),
                count(limits::DEPTH),
                flatten,
            ),
            ("subschemas", count(self.nodes), count(limits::NODES), fewer),
            (
                "subschemas to merge, references expanded",
                self.merged,
                limits::MERGED,
                "write the merged schema out instead of `allOf` and `$ref` beside other keywords",
            ),
            ("properties in one object", count(self.properties), count(limits::PROPERTIES), fewer),
            ("properties", count(self.all_properties), count(limits::ALL_PROPERTIES), fewer),
            (
                "alternatives",
                count(self.alternatives),
                count(limits::ALTERNATIVES),
                "use fewer, or a string that is checked afterwards",
            ),
            (
                "values in `enum`",
                count(self.values),
                count(limits::VALUES),
                "use fewer, or a string that is checked afterwards",
            ),
            ("definitions", count(self.definitions), count(limits::DEFINITIONS), fewer),
            ("regular expressions", count(self.patterns), count(limits::PATTERNS), shorten),
            (
                "bytes of regular expressions",
                count(self.pattern_bytes),
                count(limits::PATTERN_BYTES),
                shorten,
            ),
            (
                "repetitions in a regular expression, nested ones multiplied",
                self.repetitions,
                limits::REPETITIONS,
                "use `*` or `+`, or smaller bounds",
            ),
            (
                "parts in a row in a regular expression that may be left out",
                self.optional,
                limits::OPTIONAL,
                "use a repetition such as `{0,500}`, or fewer",
            ),
            ("rules", count(self.rules), count(limits::RULES), "use fewer rules"),
        ];
        let exceeded = limits.into_iter().find(|(_, value, limit, _)| value > limit);
        exceeded.map_or(Ok(()), |(what, value, limit, remedy)| {
            Err(SizeError::Limit { what, value, limit, remedy })
        })
    }

    /// Whether it is small enough to be compiled without a trial.
    pub(super) fn is_small(&self) -> bool {
        self.bytes <= small::BYTES
            && self.depth <= small::DEPTH
            && self.nodes <= small::NODES
            && self.merged <= small::MERGED
            && self.properties <= small::PROPERTIES
            && self.alternatives <= small::ALTERNATIVES
            && self.values <= small::VALUES
            && self.patterns <= small::PATTERNS
            && self.pattern_bytes <= small::PATTERN_BYTES
            && self.repetitions <= small::REPETITIONS
            && self.optional <= small::OPTIONAL
            && self.rules <= small::RULES
    }
}

#[cfg(test)]
mod tests;
