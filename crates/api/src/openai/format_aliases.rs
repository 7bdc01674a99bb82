//! Other servers' names for output formats: those of vLLM, SGLang and llama-server.
//!
//! Each is applied if the path supports it, otherwise refused by name (`body.rs`), because a client
//! that sends it relies on it.

use std::fmt::Write as _;

use harmonic_types::Format;
use serde_json::Value;

use crate::validation_error::ValidationError;

/// Body fields under which other servers accept an output format.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct FormatAliases {
    /// JSON Schema, or its text: llama-server's and SGLang's name for `response_format`.
    pub(crate) json_schema: Option<Value>,
    /// vLLM's older name for `response_format`.
    pub(crate) guided_json: Option<Value>,
    /// vLLM's older name for `structured_outputs.regex`.
    pub(crate) guided_regex: Option<String>,
    /// vLLM's older name for `structured_outputs.choice`.
    pub(crate) guided_choice: Option<Vec<String>>,
    /// vLLM's older name for `structured_outputs.grammar`.
    pub(crate) guided_grammar: Option<String>,
    /// SGLang's name for `structured_outputs.regex`.
    pub(crate) regex: Option<String>,
}

/// Output formats set by these fields, each with the field's name.
pub(super) fn decode(
    format_aliases: FormatAliases,
) -> Result<Vec<(&'static str, Format)>, ValidationError> {
    let mut formats = Vec::new();
    for (name, schema) in
        [("json_schema", format_aliases.json_schema), ("guided_json", format_aliases.guided_json)]
    {
        if let Some(schema) = schema {
            formats.push((name, json(name, schema)?));
        }
    }
    for (name, regex) in
        [("guided_regex", format_aliases.guided_regex), ("regex", format_aliases.regex)]
    {
        formats.extend(regex.map(|regex| (name, Format::Regex(regex))));
    }
    if let Some(words) = format_aliases.guided_choice {
        formats.push(("guided_choice", choice("guided_choice", &words)?));
    }
    if let Some(text) = format_aliases.guided_grammar {
        formats.push(("guided_grammar", grammar("guided_grammar", text)?));
    }
    Ok(formats)
}

/// JSON Schema, or its text.
pub(super) fn json(name: &str, schema: Value) -> Result<Format, ValidationError> {
    match schema {
        schema @ (Value::Object(_) | Value::Bool(_)) => Ok(Format::JsonSchema(schema.to_string())),
        Value::String(text) => Ok(Format::JsonSchema(text)),
        _ => Err(ValidationError::value(name, "must be a JSON Schema: an object, or its text")),
    }
}

/// Choice among `words`.
pub(super) fn choice(name: &str, words: &[String]) -> Result<Format, ValidationError> {
    if words.is_empty() || words.iter().any(String::is_empty) {
        return Err(ValidationError::value(name, "must be a list of texts, none of them empty"));
    }
    let words: Vec<String> = words.iter().map(|word| literal(word)).collect();
    Ok(Format::Regex(words.join("|")))
}

/// Grammar in llguidance's Lark; EBNF is refused.
pub(super) fn grammar(name: &str, text: String) -> Result<Format, ValidationError> {
    if text.contains("::=") {
        let detail = " in EBNF (`::=`): use llguidance's Lark";
        return Err(ValidationError::unsupported(name, detail));
    }
    Ok(Format::Grammar(text))
}

/// Regular expression that matches exactly `text`.
fn literal(text: &str) -> String {
    let mut regex = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() || c == ' ' {
            regex.push(c);
        } else {
            // Writing to a string cannot fail.
            let _written = write!(regex, "\\x{{{:X}}}", u32::from(c));
        }
    }
    regex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_matches_exactly_its_words() {
        let words = ["a.b", "(c)", "d|e", "é x"].map(str::to_owned);
        let format = choice("guided_choice", &words).expect("words");
        let expected = r"a\x{2E}b|\x{28}c\x{29}|d\x{7C}e|é x";
        assert_eq!(format, Format::Regex(expected.to_owned()));
        choice("guided_choice", &[]).expect_err("nothing to choose from");
        choice("guided_choice", &[String::new()]).expect_err("an empty word");
    }

    #[test]
    fn grammars_of_other_languages_are_refused_by_name() {
        let text = "root ::= \"a\"".to_owned();
        let error = grammar("guided_grammar", text).expect_err("GBNF");
        assert_eq!(error.param(), Some("guided_grammar"), "{error}");
    }

    #[test]
    fn each_alias_sets_its_format() {
        let schema = Format::JsonSchema(r#"{"type":"integer"}"#.to_owned());
        let of = |format_aliases| {
            let formats = decode(format_aliases).expect("forms");
            formats.into_iter().map(|(_, format)| format).collect::<Vec<_>>()
        };
        let object = Some(serde_json::json!({"type": "integer"}));
        let text = Some(Value::String(r#"{"type":"integer"}"#.to_owned()));
        let none = FormatAliases::default;
        assert_eq!(
            of(FormatAliases { json_schema: object.clone(), ..none() }),
            std::slice::from_ref(&schema)
        );
        assert_eq!(
            of(FormatAliases { guided_json: object, ..none() }),
            std::slice::from_ref(&schema)
        );
        assert_eq!(of(FormatAliases { guided_json: text, ..none() }), [schema]);
        let digit = Some("[0-9]".to_owned());
        let regex = Format::Regex("[0-9]".to_owned());
        assert_eq!(
            of(FormatAliases { guided_regex: digit.clone(), ..none() }),
            std::slice::from_ref(&regex)
        );
        assert_eq!(of(FormatAliases { regex: digit, ..none() }), [regex]);
        let words = Some(vec!["a".to_owned(), "b".to_owned()]);
        let choice = Format::Regex("a|b".to_owned());
        assert_eq!(of(FormatAliases { guided_choice: words, ..none() }), [choice]);
        let lark = "start: \"a\"".to_owned();
        let grammar = Format::Grammar(lark.clone());
        assert_eq!(of(FormatAliases { guided_grammar: Some(lark), ..none() }), [grammar]);
        let wrong = FormatAliases { guided_json: Some(Value::from(7)), ..none() };
        decode(wrong).expect_err("no schema");
    }
}
