//! From tools to the grammar of one call.

use std::fmt::Write as _;

use harmonic_types::Tool;
use llguidance::api::TopLevelGrammar;
use serde_json::{Value, json};

use super::grammars::with_options;
use super::{Constraint, FormatError, Grammars};
use crate::chat::Glue;

/// How one tool is called.
#[derive(Clone, Debug)]
pub struct CallForm<'a> {
    /// The tool.
    pub tool: &'a Tool,
    /// What stands before its arguments.
    pub before: Vec<Glue>,
    /// What stands after them.
    pub after: Vec<Glue>,
}

impl Grammars {
    /// The constraint that makes an answer one call of one of `forms`, with arguments that are valid
    /// under its tool's schema.
    ///
    /// # Errors
    /// [`FormatError::Tool`] for a schema that is wrong, or uses what cannot be enforced.
    pub fn compile_call(&self, forms: &[CallForm<'_>]) -> Result<Constraint, FormatError> {
        let lark = |forms: &[CallForm<'_>]| Ok(TopLevelGrammar::from_lark(grammar(forms)?));
        self.constraint(lark(forms)?).map_err(|reason| {
            // An error of the whole does not say whose it is.
            let culprit = forms.iter().find_map(|form| {
                let alone = lark(std::slice::from_ref(form)).ok()?;
                let reason = of_schema(&self.constraint(alone).err()?).to_owned();
                Some(FormatError::Tool { tool: form.tool.name.clone(), reason })
            });
            culprit.unwrap_or(FormatError::Grammar { kind: "set of tools", reason })
        })
    }
}

/// What is wrong with the schema: without the place in a grammar that the client has not written.
fn of_schema(reason: &str) -> &str {
    let line = reason.lines().next().unwrap_or_default();
    line.split_once("JSON schema: ").map_or(line, |(_, reason)| reason)
}

/// In Lark: a rule for each call, and one for its arguments, whose references stay their own.
fn grammar(forms: &[CallForm<'_>]) -> Result<String, FormatError> {
    let names: Vec<String> = (0..forms.len()).map(|at| format!("call_{at}")).collect();
    let mut lark = format!("start: {}\n", names.join(" | "));
    for (at, form) in forms.iter().enumerate() {
        let (before, after) = (glue(&form.before), glue(&form.after));
        let schema = with_options(arguments(form.tool)?);
        // Writing to a string cannot fail.
        let _written = writeln!(
            lark,
            "call_{at}: {before} arguments_{at} {after}\narguments_{at}: %json {schema}"
        );
    }
    Ok(lark)
}

fn glue(parts: &[Glue]) -> String {
    let part = |part: &Glue| match part {
        // Lark's strings are JSON's.
        Glue::Text(text) => Value::from(text.as_str()).to_string(),
        Glue::Control(token) => format!("<[{}]>", token.0),
    };
    parts.iter().map(part).collect::<Vec<_>>().join(" ")
}

/// The schema of the arguments of `tool`: of an object, which has no properties but those that it
/// names. A small model that may invent some does so until its context is full.
fn arguments(tool: &Tool) -> Result<Value, FormatError> {
    let wrong = |reason: String| FormatError::Tool { tool: tool.name.clone(), reason };
    let mut schema: Value =
        serde_json::from_str(&tool.parameters).map_err(|error| wrong(error.to_string()))?;
    let Some(keys) = schema.as_object_mut() else {
        return Err(wrong("it is not an object".to_owned()));
    };
    let composed = ["$ref", "allOf", "anyOf", "oneOf", "patternProperties", "minProperties"];
    let open = composed.iter().any(|key| keys.contains_key(*key));
    if !open {
        keys.entry("type").or_insert_with(|| json!("object"));
        keys.entry("additionalProperties").or_insert(Value::Bool(false));
    }
    if keys.get("type").is_some_and(|kind| kind != "object") {
        return Err(wrong("arguments are an object: its `type` must be `object`".to_owned()));
    }
    Ok(schema)
}

#[cfg(test)]
mod tests;
