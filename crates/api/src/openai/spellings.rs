//! Other servers' names for the form of an answer: those of vLLM, SGLang and llama-server.
//!
//! Each is honoured where the path takes it, else refused by its name (`body.rs`): a client that sends
//! one relies on it.

use std::fmt::Write as _;

use harmonic_types::Format;
use serde_json::Value;

use crate::invalid::Invalid;

/// Fields of a body by which other servers take a form.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Spellings {
    /// A JSON Schema, or its text: llama-server's and SGLang's name for `response_format`.
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

/// The forms that a body asks for by these names, each with its name.
pub(super) fn decode(spellings: Spellings) -> Result<Vec<(&'static str, Format)>, Invalid> {
    let mut forms = Vec::new();
    for (name, schema) in
        [("json_schema", spellings.json_schema), ("guided_json", spellings.guided_json)]
    {
        if let Some(schema) = schema {
            forms.push((name, json(name, schema)?));
        }
    }
    for (name, regex) in [("guided_regex", spellings.guided_regex), ("regex", spellings.regex)] {
        forms.extend(regex.map(|regex| (name, Format::Regex(regex))));
    }
    if let Some(words) = spellings.guided_choice {
        forms.push(("guided_choice", choice("guided_choice", &words)?));
    }
    if let Some(text) = spellings.guided_grammar {
        forms.push(("guided_grammar", grammar("guided_grammar", text)?));
    }
    Ok(forms)
}

/// A JSON Schema, or its text.
pub(super) fn json(name: &str, schema: Value) -> Result<Format, Invalid> {
    match schema {
        schema @ (Value::Object(_) | Value::Bool(_)) => Ok(Format::JsonSchema(schema.to_string())),
        Value::String(text) => Ok(Format::JsonSchema(text)),
        _ => Err(Invalid::value(name, "must be a JSON Schema: an object, or its text")),
    }
}

/// One of `words`.
pub(super) fn choice(name: &str, words: &[String]) -> Result<Format, Invalid> {
    if words.is_empty() || words.iter().any(String::is_empty) {
        return Err(Invalid::value(name, "must be a list of texts, none of them empty"));
    }
    let words: Vec<String> = words.iter().map(|word| literal(word)).collect();
    Ok(Format::Regex(words.join("|")))
}

/// A grammar, unless it is written in another language than ours.
pub(super) fn grammar(name: &str, text: String) -> Result<Format, Invalid> {
    if text.contains("::=") {
        let detail = " in EBNF (`::=`): give one in llguidance's Lark";
        return Err(Invalid::unsupported(name, detail));
    }
    Ok(Format::Grammar(text))
}

/// A regular expression that matches just `text`.
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
    fn a_choice_is_its_words_to_the_letter() {
        let words = ["a.b", "(c)", "d|e", "é x"].map(str::to_owned);
        let form = choice("guided_choice", &words).expect("words");
        let expected = r"a\x{2E}b|\x{28}c\x{29}|d\x{7C}e|é x";
        assert_eq!(form, Format::Regex(expected.to_owned()));
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
    fn each_spelling_is_its_form() {
        let schema = Format::JsonSchema(r#"{"type":"integer"}"#.to_owned());
        let of = |spellings| {
            let forms = decode(spellings).expect("forms");
            forms.into_iter().map(|(_, form)| form).collect::<Vec<_>>()
        };
        let object = Some(serde_json::json!({"type": "integer"}));
        let text = Some(Value::String(r#"{"type":"integer"}"#.to_owned()));
        let none = Spellings::default;
        assert_eq!(
            of(Spellings { json_schema: object.clone(), ..none() }),
            std::slice::from_ref(&schema)
        );
        assert_eq!(of(Spellings { guided_json: object, ..none() }), std::slice::from_ref(&schema));
        assert_eq!(of(Spellings { guided_json: text, ..none() }), [schema]);
        let digit = Some("[0-9]".to_owned());
        let regex = Format::Regex("[0-9]".to_owned());
        assert_eq!(
            of(Spellings { guided_regex: digit.clone(), ..none() }),
            std::slice::from_ref(&regex)
        );
        assert_eq!(of(Spellings { regex: digit, ..none() }), [regex]);
        let words = Some(vec!["a".to_owned(), "b".to_owned()]);
        let choice = Format::Regex("a|b".to_owned());
        assert_eq!(of(Spellings { guided_choice: words, ..none() }), [choice]);
        let lark = "start: \"a\"".to_owned();
        let grammar = Format::Grammar(lark.clone());
        assert_eq!(of(Spellings { guided_grammar: Some(lark), ..none() }), [grammar]);
        let wrong = Spellings { guided_json: Some(Value::from(7)), ..none() };
        decode(wrong).expect_err("no schema");
    }
}
