//! Call syntaxes of models, detected from their chat templates.

use super::function;
use super::named::{ARGUMENTS, ID};

/// Syntax of tool calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syntax {
    /// `<tool_call>{"name": …, "arguments": {…}}</tool_call>`: Hermes, Qwen, and models whose
    /// template does not support tools.
    Tagged,
    /// The same tag around `<function=…><parameter=…>…</parameter></function>`: Qwen3-Coder.
    Functions,
    /// `[TOOL_CALLS][{"name": …, "arguments": {…}}, …]`: Mistral.
    List,
    /// `[TOOL_CALLS]NAME[ARGS]{…}`: Mistral since 2025.
    Named,
    /// `{"name": …, "parameters": {…}}` and nothing else: Llama 3.
    Bare,
}

pub(super) const TAG: &str = "<tool_call>";
pub(super) const TAG_END: &str = "</tool_call>";
const LIST: &str = "[TOOL_CALLS]";
const PYTHON: &str = "<|python_tag|>";

impl Syntax {
    /// Syntax taught by a template with this source.
    pub(crate) fn of(template: &str) -> Option<Self> {
        let has = |text| template.contains(text);
        if has(LIST) {
            Some(if has(ARGUMENTS) { Self::Named } else { Self::List })
        } else if has(TAG) {
            Some(if has(function::OPEN) { Self::Functions } else { Self::Tagged })
        } else if has(PYTHON) || has(r#""parameters": dictionary"#) {
            Some(Self::Bare)
        } else {
            None
        }
    }

    /// Texts that may open a call anywhere in an answer.
    pub(crate) fn openers(self) -> &'static [&'static str] {
        match self {
            Self::Tagged => &[TAG],
            Self::Functions => &[TAG, function::OPEN],
            Self::List | Self::Named => &[LIST],
            Self::Bare => &[PYTHON],
        }
    }

    /// Texts that may be control tokens, which decode to no text by default.
    pub(crate) fn markers(self) -> &'static [&'static str] {
        match self {
            Self::Tagged | Self::Functions => &[TAG, TAG_END],
            Self::List | Self::Named => &[LIST, ARGUMENTS, ID],
            Self::Bare => &[PYTHON],
        }
    }

    /// Text that unambiguously opens an unforced call; `None` if calls cannot be told from plain
    /// text.
    pub(crate) fn opener(self) -> Option<&'static str> {
        match self {
            Self::Tagged | Self::Functions => Some(TAG),
            Self::List | Self::Named => Some(LIST),
            Self::Bare => None,
        }
    }

    /// Text after the opener of the first call, between two calls, and after the last.
    pub(crate) fn around(self) -> [&'static str; 3] {
        match self {
            Self::Tagged | Self::Functions => ["", "\n<tool_call>", ""],
            Self::List => ["[", ", ", "]"],
            Self::Named => ["", LIST, ""],
            Self::Bare => ["", "; ", ""],
        }
    }

    /// Text before and after the arguments of a call of `name`, within [`Self::around`].
    /// `Functions` uses JSON, which its tag allows as well: no schema could tell where plain text
    /// ends.
    pub(crate) fn one(self, name: &str) -> (String, String) {
        let name_text = serde_json::Value::from(name);
        match self {
            Self::Tagged | Self::Functions => {
                (format!("\n{{\"name\": {name_text}, \"arguments\": "), format!("}}\n{TAG_END}"))
            }
            Self::List => (format!("{{\"name\": {name_text}, \"arguments\": "), "}".to_owned()),
            Self::Named => (format!("{name}{ARGUMENTS}"), String::new()),
            Self::Bare => (format!("{{\"name\": {name_text}, \"parameters\": "), "}".to_owned()),
        }
    }

    /// Text before and after the arguments of an answer that is one call of `name`.
    pub(crate) fn frame(self, name: &str) -> (String, String) {
        let ([first, _, last], (before, after)) = (self.around(), self.one(name));
        (format!("{}{first}{before}", self.opener().unwrap_or_default()), after + last)
    }
}
