//! Ignored parts of a request, reported to the client: unread fields, and omitted tools.
//!
//! Invariants: bounded for bodies of any size; every entry is a valid header value.
//!
//! Does not do: list the fields that are dropped without a word; each body does (`WITHOUT_EFFECT` in its
//! `request.rs`).

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_ignored::Path;

use crate::body::FORMAT_FIELDS;

/// Maximum number of named entries; further ones are only counted.
const MAX_NAMED: usize = 16;
/// Maximum length of an entry, in bytes.
const MAX_ENTRY_BYTES: usize = 80;

/// Ignored parts of a request, in the order of its body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ignored {
    named: Vec<String>,
    /// Named paths without list indices: for a list, the first item stands for all.
    seen: BTreeSet<String>,
    unnamed: u64,
    /// Output format field that is not supported on this path.
    format_field: Option<&'static str>,
}

impl Ignored {
    /// Records the field at `path`, unless `without_effect` contains its path without list indices,
    /// or `*.name`.
    pub(crate) fn field(&mut self, path: &Path<'_>, without_effect: &[&str]) {
        let mut at = FieldPath::default();
        at.extend(path);
        let anywhere = at.pattern.rsplit('.').next().unwrap_or_default();
        let listed = |entry: &&str| match entry.strip_prefix("*.") {
            Some(name) => name == anywhere,
            None => *entry == at.pattern,
        };
        let format_field = FORMAT_FIELDS.into_iter().find(|name| *name == at.pattern);
        self.format_field = self.format_field.or(format_field);
        if !without_effect.iter().any(listed) {
            self.note(at.pattern, &at.path);
        }
    }

    /// Unsupported output format field, if the body has one.
    pub(crate) fn format_field(&self) -> Option<&'static str> {
        self.format_field
    }

    /// Records a tool of an unsupported kind.
    pub(crate) fn tool(&mut self, path: &str, kind: &str) {
        // Its unread fields are covered by this entry.
        self.named.retain(|field| !field.starts_with(&format!("{path}.")));
        let kind: String = kind.chars().take(MAX_ENTRY_BYTES / 2).collect();
        let entry = format!("{path} ({kind})");
        self.note(entry.clone(), &entry);
    }

    /// Records that `strict` is not enforced for calls that the model makes by itself.
    pub fn strict_tools(&mut self) {
        let entry = "tools (strict)";
        self.note(entry.to_owned(), entry);
    }

    /// Records a field that is read and has no effect.
    pub(crate) fn unread(&mut self, path: &str) {
        self.note(path.to_owned(), path);
    }

    /// Records that `field`, which sets a per-request context, is ignored.
    pub fn context(&mut self, field: &str) {
        self.note(field.to_owned(), field);
    }

    /// Records that the model thinks although thinking is disabled.
    pub fn thinking(&mut self) {
        let entry = "thinking (the model cannot be told not to)";
        self.note(entry.to_owned(), entry);
    }

    /// Records that the model does not think although thinking is enabled.
    pub fn no_thinking(&mut self) {
        let entry = "thinking (the model does not think)";
        self.note(entry.to_owned(), entry);
    }

    fn note(&mut self, pattern: String, entry: &str) {
        if self.seen.contains(&pattern) {
            return;
        }
        if self.named.len() == MAX_NAMED {
            self.unnamed = self.unnamed.saturating_add(1);
            return;
        }
        self.seen.insert(pattern);
        let kept = |c: char| c.is_ascii_alphanumeric() || "_-.[]() ".contains(c);
        self.named.push(
            entry.chars().map(|c| if kept(c) { c } else { '?' }).take(MAX_ENTRY_BYTES).collect(),
        );
    }

    /// All entries on one line; `None` if there are none.
    pub fn line(&self) -> Option<String> {
        if self.named.is_empty() {
            return None;
        }
        let mut line = self.named.join(", ");
        if self.unnamed > 0 {
            line = format!("{line}, and {} more", self.unnamed);
        }
        Some(line)
    }
}

/// Path of a field: `messages[3].name`, and its pattern `messages[].name`.
#[derive(Default)]
struct FieldPath {
    path: String,
    pattern: String,
}

impl FieldPath {
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
                    // Longer names are truncated.
                    text.extend(key.chars().take(MAX_ENTRY_BYTES));
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
    fn unread_fields_are_reported_once_with_their_path() {
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
    fn an_unsupported_format_field_is_refused_by_name() {
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
    fn ignored_fields_are_bounded_and_fit_into_a_header() {
        let mut body = json!({"model": "coder"});
        for number in 0..20_000 {
            body[format!("\r\n{number}{}", "x".repeat(100))] = json!(1);
        }
        let line = line(&body).expect("some");
        assert!(line.len() < 2_000 && line.ends_with(", and 19984 more"), "{line}");
        assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{line}");
    }
}
