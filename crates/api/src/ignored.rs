//! What a request asks for and does not get, for the client to be told: fields that nothing here
//! reads, and tools that are left out.
//!
//! Invariants: bounded however large the body is; every entry can stand in a header as it is.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_ignored::Path;

use crate::body::FORMS;

/// Most entries that are named; further ones are counted.
const MOST: usize = 16;
/// Longest entry, in bytes.
const LONGEST: usize = 80;

/// What a request asks for and does not get, in the order of its body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ignored {
    named: Vec<String>,
    /// What is named, without the numbers of list items: of a list, the first stands for all.
    seen: BTreeSet<String>,
    more: u64,
    /// A form of the answer under a name that is not read.
    form: Option<&'static str>,
}

impl Ignored {
    /// Notes the field at `path`, unless `without_effect` lists it: by its path without the numbers
    /// of list items, or as `*.name` wherever it stands.
    pub(crate) fn field(&mut self, path: &Path<'_>, without_effect: &[&str]) {
        let mut at = Place::default();
        at.extend(path);
        let anywhere = at.pattern.rsplit('.').next().unwrap_or_default();
        let listed = |entry: &&str| match entry.strip_prefix("*.") {
            Some(name) => name == anywhere,
            None => *entry == at.pattern,
        };
        let form = FORMS.into_iter().find(|name| *name == at.pattern);
        self.form = self.form.or(form);
        if !without_effect.iter().any(listed) {
            self.note(at.pattern, &at.path);
        }
    }

    /// The form of the answer that is asked for under a name that is not read.
    pub(crate) fn form(&self) -> Option<&'static str> {
        self.form
    }

    /// Notes a tool of a kind that is not served.
    pub(crate) fn tool(&mut self, path: &str, kind: &str) {
        // Its fields are not read for a reason that is named now.
        self.named.retain(|field| !field.starts_with(&format!("{path}.")));
        let kind: String = kind.chars().take(LONGEST / 2).collect();
        let entry = format!("{path} ({kind})");
        self.note(entry.clone(), &entry);
    }

    /// Notes that calls which a model makes by itself are not held to schemas, as strict tools ask.
    pub fn strict_tools(&mut self) {
        let entry = "tools (strict)";
        self.note(entry.to_owned(), entry);
    }

    /// Notes that the `field` that asks for a context of the request's own is not heeded.
    pub fn context(&mut self, field: &str) {
        self.note(field.to_owned(), field);
    }

    /// Notes that the model thinks, although it is not to.
    pub fn thinking(&mut self) {
        let entry = "thinking (the model cannot be told not to)";
        self.note(entry.to_owned(), entry);
    }

    /// Notes that the model does not think, although it is to.
    pub fn no_thinking(&mut self) {
        let entry = "thinking (the model does not think)";
        self.note(entry.to_owned(), entry);
    }

    fn note(&mut self, pattern: String, entry: &str) {
        if self.seen.contains(&pattern) {
            return;
        }
        if self.named.len() == MOST {
            self.more = self.more.saturating_add(1);
            return;
        }
        self.seen.insert(pattern);
        let kept = |c: char| c.is_ascii_alphanumeric() || "_-.[]() ".contains(c);
        self.named
            .push(entry.chars().map(|c| if kept(c) { c } else { '?' }).take(LONGEST).collect());
    }

    /// All of it on one line; `None` where there is nothing.
    pub fn line(&self) -> Option<String> {
        if self.named.is_empty() {
            return None;
        }
        let mut line = self.named.join(", ");
        if self.more > 0 {
            line = format!("{line}, and {} more", self.more);
        }
        Some(line)
    }
}

/// Where a field stands: `messages[3].name`, and `messages[].name`.
#[derive(Default)]
struct Place {
    path: String,
    pattern: String,
}

impl Place {
    fn extend(&mut self, path: &Path<'_>) {
        match path {
            Path::Root => {}
            Path::Seq { parent, index } => {
                self.extend(parent);
                // Writing to a string cannot fail.
                let _written = write!(self.path, "[{index}]");
                self.pattern.push_str("[]");
            }
            Path::Map { parent, key } => {
                self.extend(parent);
                for text in [&mut self.path, &mut self.pattern] {
                    if !text.is_empty() {
                        text.push('.');
                    }
                    // Longer names are cut before they are kept.
                    text.extend(key.chars().take(LONGEST));
                }
            }
            Path::Some { parent }
            | Path::NewtypeStruct { parent }
            | Path::NewtypeVariant { parent } => self.extend(parent),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::body::read_noting;
    use crate::openai::ChatRequest;
    use crate::openai::responses::ResponsesBody;

    fn line(body: &serde_json::Value) -> Option<String> {
        let list = ["metadata", "*.cache_control"];
        let (_, ignored) =
            read_noting::<ChatRequest>(body.to_string().as_bytes(), &list).expect("a body");
        ignored.line()
    }

    #[test]
    fn what_is_not_read_is_named_once_with_its_place() {
        let message = json!({"role": "user", "content": "a", "name": "ada", "cache_control": {}});
        let body = json!({
            "model": "coder", "metadata": {"a": 1}, "cache_control": {},
            "messages": [{"role": "user", "content": "a"}, message, message],
            "mirostat": 2,
        });
        assert_eq!(line(&body).as_deref(), Some("messages[1].name, mirostat"));
        assert_eq!(line(&json!({"model": "coder", "metadata": {}})), None);
    }

    #[test]
    fn a_form_under_a_name_that_is_not_read_is_refused_by_name() {
        for name in ["grammar", "ebnf", "structural_tag", "guided_whitespace_pattern"] {
            let body = json!({"model": "coder", name: "root ::= x"}).to_string();
            let error = read_noting::<ChatRequest>(body.as_bytes(), &[]).expect_err(name);
            assert_eq!(error.param(), Some(name), "{error}");
        }
        let body = json!({"model": "coder", "response_format": {"type": "json_object"}});
        let body = body.to_string();
        let error = read_noting::<ResponsesBody>(body.as_bytes(), &[]).expect_err("a chat's");
        assert!(error.to_string().contains("`text.format`"), "{error}");
    }

    #[test]
    fn it_is_bounded_and_fits_into_a_header() {
        let mut body = json!({"model": "coder"});
        for number in 0..20_000 {
            body[format!("\r\n{number}{}", "x".repeat(100))] = json!(1);
        }
        let line = line(&body).expect("some");
        assert!(line.len() < 2_000 && line.ends_with(", and 19984 more"), "{line}");
        assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{line}");
    }
}
