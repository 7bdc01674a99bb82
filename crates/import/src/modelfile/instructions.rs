//! The instructions of a Modelfile.
//!
//! Owns the form, as Ollama reads it: an instruction in any case, its value up to the end of the
//! line, or in `"` or `"""` over several; a value that begins with quotes ends with the line that
//! ends with them.

use crate::error::ImportError;

/// Kind of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    From,
    System,
    Parameter,
    Message,
    Adapter,
    Comment,
    /// Known, without an equivalent, with the reason.
    NotExpressed(&'static str),
    Unknown,
}

impl Kind {
    /// Whether a second one replaces the first.
    pub(super) fn is_single(self) -> bool {
        matches!(self, Self::From | Self::System)
    }

    fn named(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "from" => Self::From,
            "system" => Self::System,
            "parameter" => Self::Parameter,
            "message" => Self::Message,
            "adapter" => Self::Adapter,
            "template" | "renderer" | "parser" => {
                Self::NotExpressed("the chat template of the model's file is used")
            }
            "license" => Self::NotExpressed("the licence stays with the model"),
            "requires" => Self::NotExpressed("a version of Ollama"),
            "draft" => Self::NotExpressed("drafts of a smaller model are not supported"),
            _ => Self::Unknown,
        }
    }
}

/// One instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    /// First line, from 1.
    pub(super) line: usize,
    pub(super) kind: Kind,
    /// The instruction as written; the name of a parameter, the role of a message.
    pub(super) name: String,
    pub(super) value: String,
}

/// The rest of a Modelfile.
struct Rest<'a> {
    text: &'a str,
    line: usize,
    origin: &'a str,
}

/// All instructions and comments of `text`.
///
/// # Errors
/// If a line begins with something else, or quotes do not end.
pub(super) fn instructions(text: &str, origin: &str) -> Result<Vec<Instruction>, ImportError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut rest = Rest { text, line: 1, origin };
    let mut found = Vec::new();
    while rest.skip_blanks() {
        let line = rest.line;
        if let Some(comment) = rest.text.strip_prefix('#') {
            let end = comment.find(['\n', '\r']).unwrap_or(comment.len());
            let value = comment[..end].to_owned();
            rest.advance(1 + end);
            found.push(Instruction { line, kind: Kind::Comment, name: "#".to_owned(), value });
            continue;
        }
        let word = rest.word(|c| c.is_ascii_alphabetic());
        if word.is_empty() || !rest.text.starts_with([' ', '\t']) {
            let expected = "expected an instruction and its value, such as `FROM qwen3:4b`";
            return Err(rest.error(line, expected));
        }
        let kind = Kind::named(&word);
        let name = match kind {
            Kind::Parameter => rest.argument(|c| c.is_ascii_alphanumeric() || c == '_'),
            Kind::Message => rest.argument(|c| c.is_ascii_alphabetic()),
            _ => word.clone(),
        };
        let is_role = ["system", "user", "assistant"].contains(&name.as_str());
        if kind == Kind::Message && !is_role {
            return Err(rest.error(line, "invalid role: expected system, user or assistant"));
        }
        if name.is_empty() {
            return Err(rest.error(line, "missing name: expected `PARAMETER NAME VALUE`"));
        }
        let value = rest.value()?;
        found.push(Instruction { line, kind, name, value });
    }
    Ok(found)
}

impl<'a> Rest<'a> {
    fn error(&self, line: usize, reason: &str) -> ImportError {
        ImportError::Syntax { origin: self.origin.to_owned(), line, reason: reason.to_owned() }
    }

    /// Skips `bytes`, which end at a character, and counts their lines: `\r\n` is one.
    fn advance(&mut self, bytes: usize) -> &'a str {
        let (passed, text) = self.text.split_at(bytes);
        let passed_bytes = passed.as_bytes();
        let ends = passed_bytes.iter().enumerate().filter(|(at, byte)| match byte {
            b'\n' => true,
            b'\r' => passed_bytes.get(at + 1).or(text.as_bytes().first()) != Some(&b'\n'),
            _ => false,
        });
        self.line += ends.count();
        self.text = text;
        passed
    }

    /// Skips spaces and line ends. Whether there is more.
    fn skip_blanks(&mut self) -> bool {
        let blanks = self.text.len() - self.text.trim_start_matches([' ', '\t', '\n', '\r']).len();
        self.advance(blanks);
        !self.text.is_empty()
    }

    fn word(&mut self, is_part: impl Fn(char) -> bool) -> String {
        let end = self.text.find(|c| !is_part(c)).unwrap_or(self.text.len());
        self.advance(end).to_owned()
    }

    /// A word after spaces.
    fn argument(&mut self, is_part: impl Fn(char) -> bool) -> String {
        let spaces = self.text.len() - self.text.trim_start_matches([' ', '\t']).len();
        self.advance(spaces);
        self.word(is_part)
    }

    /// The value up to the end of a line, of the first line at whose end no quotes are open.
    fn value(&mut self) -> Result<String, ImportError> {
        let line = self.line;
        // From the first to behind the last character that is not blank.
        let mut solid: Option<(usize, usize)> = None;
        let characters = self.text.char_indices().map(|(at, c)| (at, Some(c)));
        for (at, character) in characters.chain([(self.text.len(), None)]) {
            if let Some(character) = character.filter(|c| !c.is_whitespace()) {
                let begin = solid.map_or(at, |(begin, _)| begin);
                solid = Some((begin, at + character.len_utf8()));
            }
            if !matches!(character, None | Some('\n' | '\r')) {
                continue;
            }
            let value = solid.and_then(|(begin, end)| self.text.get(begin..end));
            if let Some(value) = unquoted(value.unwrap_or_default()) {
                let value = value.to_owned();
                self.advance(at);
                return Ok(value);
            }
        }
        Err(self.error(line, "the quotes of this value do not end"))
    }
}

/// `value` without its quotes; `None` where they are open.
fn unquoted(value: &str) -> Option<&str> {
    for quotes in ["\"\"\"", "\""] {
        if let Some(inside) = value.strip_prefix(quotes) {
            return inside.strip_suffix(quotes);
        }
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(usize, String, String)> {
        let all = instructions(text, "Modelfile").unwrap();
        all.into_iter().map(|it| (it.line, it.name, it.value)).collect()
    }

    fn error(text: &str) -> String {
        instructions(text, "Modelfile").unwrap_err().to_string()
    }

    fn owned(line: usize, name: &str, value: &str) -> (usize, String, String) {
        (line, name.to_owned(), value.to_owned())
    }

    #[test]
    fn values_end_with_their_line_or_their_quotes() {
        let text = "# top\nfrom a:b\nSYSTEM \"\"\"one\n\n \"two\" #3\n\"\"\"\nParameter stop \"a b\"\n\
                    MESSAGE user \"x\ny\"\nSYSTEM said \"no\" twice\nTEMPLATE \n";
        assert_eq!(
            read(text),
            [
                owned(1, "#", " top"),
                owned(2, "from", "a:b"),
                owned(3, "SYSTEM", "one\n\n \"two\" #3\n"),
                owned(7, "stop", "a b"),
                owned(8, "user", "x\ny"),
                owned(10, "SYSTEM", "said \"no\" twice"),
                owned(11, "TEMPLATE", ""),
            ]
        );
    }

    #[test]
    fn lines_of_other_systems_are_lines() {
        let read =
            read("\u{feff}FROM a\r\nSYSTEM \"\"\"b\r\nc\"\"\"\r\nPARAMETER top_k 1\rLICENSE x");
        assert_eq!(
            read,
            [
                owned(1, "FROM", "a"),
                owned(2, "SYSTEM", "b\r\nc"),
                owned(4, "top_k", "1"),
                owned(5, "LICENSE", "x"),
            ]
        );
    }

    #[test]
    fn what_is_no_instruction_is_an_error_with_its_line() {
        assert!(error("FROM a\n=b\n").starts_with("Modelfile:2: expected an instruction"));
        assert!(error("FROM\n").contains("expected an instruction and its value"));
        assert!(error("FROM a\nSYSTEM \"\"\"b\n").starts_with("Modelfile:2: the quotes"));
        assert!(error("SYSTEM \"\"\"\n").contains("do not end"));
        assert!(error("MESSAGE tool x\n").contains("expected system, user or assistant"));
        assert!(error("PARAMETER  \n").contains("missing name"));
    }
}
