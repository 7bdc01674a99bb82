//! Grammars of tool calls.

use std::fmt::Write as _;
use std::ops::Range;

use harmonic_types::Tool;
use llguidance::api::TopLevelGrammar;
use serde_json::{Value, json};

use super::bounds::{Size, measure_schema};
use super::form::{Form, FormatError, Source, with_options};
use crate::chat::GrammarFragment;

/// Syntax of the calls of one tool.
#[derive(Clone, Debug)]
pub struct CallForm<'a> {
    /// The tool.
    pub tool: &'a Tool,
    /// Whether the arguments must match the tool's schema; otherwise any object is allowed.
    pub strict: bool,
    /// Text before the arguments.
    pub before: Vec<GrammarFragment>,
    /// Text after the arguments.
    pub after: Vec<GrammarFragment>,
}

/// Syntax of a series of calls.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// Text before the first call.
    pub first: Vec<GrammarFragment>,
    /// Text between two calls; `None` allows only one call.
    pub between: Option<Vec<GrammarFragment>>,
    /// Text after the last call.
    pub last: Vec<GrammarFragment>,
}

impl Form {
    /// Form of an answer that is a single call of one of `forms`, with arguments valid under the
    /// tool's schema.
    ///
    /// # Errors
    /// [`FormatError::Tool`] for a schema that is invalid, exceeds a limit, or cannot be satisfied.
    pub fn of_call(forms: &[CallForm<'_>]) -> Result<Self, FormatError> {
        Self::of_calls(forms, &Series::default())
    }

    /// Form of a `series` of calls of `forms`.
    ///
    /// # Errors
    /// As [`Self::of_call`].
    pub fn of_calls(forms: &[CallForm<'_>], series: &Series) -> Result<Self, FormatError> {
        let kind = "set of tools";
        let mut size = Size::default();
        let mut schemas = Vec::new();
        for CallForm { tool, strict, .. } in forms {
            let wrong = |reason: String| FormatError::Tool { tool: tool.name.clone(), reason };
            let bytes = Size { bytes: tool.parameters.len(), ..Size::default() };
            bytes.check().map_err(|excess| wrong(excess.to_string()))?;
            let schema = if *strict { arguments(tool)? } else { json!({"type": "object"}) };
            let measured = measure_schema(&schema).map_err(|excess| wrong(excess.to_string()))?;
            // Each call adds an alternative and two rules.
            let own = Size { alternatives: 1, rules: 2, ..bytes };
            size = size.with(measured).with(own);
            schemas.push(with_options(schema));
        }
        size.check().map_err(|excess| FormatError::Grammar { kind, reason: excess.to_string() })?;
        let lark = |range: Range<usize>| {
            TopLevelGrammar::from_lark(grammar(series, &forms[range.clone()], &schemas[range]))
        };
        let parts = (0..forms.len()).map(|at| lark(at..at + 1)).collect();
        let tools = forms.iter().map(|form| form.tool.name.clone()).collect();
        Ok(Self { kind, tools, source: Source { whole: lark(0..forms.len()), parts }, size })
    }
}

/// Lark grammar with a rule per call and one for its arguments, so that references stay separate.
fn grammar(series: &Series, forms: &[CallForm<'_>], schemas: &[Value]) -> String {
    let names: Vec<String> = (0..forms.len()).map(|at| format!("call_{at}")).collect();
    let Series { first, between, last } = series;
    let more = between.as_ref().map(|between| format!("({} call)*", fragments(between)));
    let (first, more, last) = (fragments(first), more.unwrap_or_default(), fragments(last));
    let mut lark = format!("start: {first} call {more} {last}\ncall: {}\n", names.join(" | "));
    for (at, (form, schema)) in forms.iter().zip(schemas).enumerate() {
        let (before, after) = (fragments(&form.before), fragments(&form.after));
        // Writing to a string cannot fail.
        let _written = writeln!(
            lark,
            "call_{at}: {before} arguments_{at} {after}\narguments_{at}: %json {schema}"
        );
    }
    lark
}

fn fragments(parts: &[GrammarFragment]) -> String {
    let part = |part: &GrammarFragment| match part {
        // Lark strings have JSON syntax.
        GrammarFragment::Text(text) => Value::from(text.as_str()).to_string(),
        GrammarFragment::Control(token) => format!("<[{}]>", token.0),
    };
    parts.iter().map(part).collect::<Vec<_>>().join(" ")
}

/// Schema of the arguments of `tool`: an object, without additional properties unless allowed.
/// Small models that may invent properties do so until the context is full.
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
