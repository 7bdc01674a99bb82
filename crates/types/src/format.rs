//! Structured output: a constraint on the text of an answer.

/// Constraint that the whole answer satisfies. An answer cut off by `max_tokens` is a prefix of one
/// that does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// Any JSON object.
    JsonObject,
    /// JSON that is valid under this JSON Schema (given as JSON text).
    JsonSchema(String),
    /// Text of this grammar, in the Lark dialect of `llguidance`.
    Grammar(String),
    /// Text fully matched by this regular expression, in the syntax of Rust's `regex`.
    Regex(String),
}
