//! The JSON Schema of stack files.
//!
//! Generated from the types that are parsed, so it has the same keys. The copy in
//! `stack.schema.json` is for editors; a test compares it with the generated one.
//!
//! Does not do: express dependencies between keys (`like` makes the others optional, `system`
//! excludes `system_file`); the parser checks them.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;

use crate::document::StackDocument;

/// The schema (draft 2020-12) as indented JSON with a trailing newline.
pub fn json_schema() -> String {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(without_null));
    let schema = settings.into_generator().into_root_schema_for::<StackDocument>();
    let text = serde_json::to_string_pretty(&schema).expect("a schema is plain JSON");
    text + "\n"
}

/// Removes `null` from the types of optional keys: TOML has no null.
fn without_null(schema: &mut Schema) {
    let Some(serde_json::Value::Array(types)) = schema.get("type") else { return };
    let mut named = types.iter().filter(|name| *name != "null");
    if let (Some(only), None) = (named.next().cloned(), named.next()) {
        schema.insert("type".to_owned(), only);
    }
}

#[cfg(test)]
mod tests;
