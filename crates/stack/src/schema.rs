//! The JSON Schema of stack files.
//!
//! Generated from the types that are parsed, so it knows the same keys. The copy in
//! `stack.schema.json` is for editors; a test holds it equal to what is generated here.
//!
//! Does not do: say what depends on more than one key (`like` makes the others optional, `system`
//! excludes `system_file`); the parser does.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;

use crate::document::StackDocument;

/// The schema (draft 2020-12) as pretty JSON with a newline at its end.
pub fn json_schema() -> String {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(without_null));
    let schema = settings.into_generator().into_root_schema_for::<StackDocument>();
    let text = serde_json::to_string_pretty(&schema).expect("a schema is plain JSON");
    text + "\n"
}

/// TOML has no null: a key that may be absent is no key that may be null.
fn without_null(schema: &mut Schema) {
    let Some(serde_json::Value::Array(types)) = schema.get("type") else { return };
    let mut named = types.iter().filter(|name| *name != "null");
    if let (Some(only), None) = (named.next().cloned(), named.next()) {
        schema.insert("type".to_owned(), only);
    }
}

#[cfg(test)]
mod tests;
