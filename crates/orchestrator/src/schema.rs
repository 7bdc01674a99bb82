//! The form of a plan for one run, as a JSON Schema.

use serde_json::{Value, json};

use crate::spec::RunSpec;

/// JSON Schema of a plan for the run: an object with `mode` first, `answer` or `team`.
pub fn plan_schema(spec: &RunSpec) -> Value {
    let _ = spec;
    json!({})
}
