//! The form that an answer must have.

/// What an answer must look like, to the last character. An answer that `max_tokens` cuts is the
/// beginning of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// Some JSON object.
    JsonObject,
    /// JSON that is valid under this JSON Schema (JSON text).
    JsonSchema(String),
    /// A sentence of this grammar, in the dialect of Lark that `llguidance` reads.
    Grammar(String),
    /// Text that this regular expression matches as a whole, in the syntax of Rust's `regex`.
    Regex(String),
}
