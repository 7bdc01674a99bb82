//! Parser of calls as `NAME[ARGS]{…}`, in some models with a `[CALL_ID]`.

use super::json::{ScanStep, Scanner};
use super::{Output, ParseStep};

/// Separates the name from the arguments.
pub(super) const ARGUMENTS: &str = "[ARGS]";
/// Separates the name from an id, which is ignored: calls get ids of this process.
pub(super) const ID: &str = "[CALL_ID]";

/// Parser of one call.
#[derive(Debug)]
pub(super) struct NamedCall {
    head: String,
    arguments: Option<Scanner>,
}

impl NamedCall {
    pub(super) fn new() -> Self {
        Self { head: String::new(), arguments: None }
    }

    pub(super) fn committed(&self) -> bool {
        self.arguments.is_some()
    }

    pub(super) fn push(&mut self, c: char, out: &mut Output) -> ParseStep {
        if self.arguments.is_none() && c == '{' {
            let Some(name) = name(&self.head) else { return ParseStep::Invalid };
            out.call(name);
        }
        if c == '{' || self.arguments.is_some() {
            let scan = self.arguments.get_or_insert_with(Scanner::new).push(c);
            if matches!(scan, ScanStep::Continue | ScanStep::Complete) {
                out.arguments(c.encode_utf8(&mut [0; 4]));
            }
            return match scan {
                ScanStep::Continue => ParseStep::Continue,
                ScanStep::Complete => ParseStep::Complete,
                ScanStep::CompleteBefore | ScanStep::Invalid => ParseStep::Invalid,
            };
        }
        self.head.push(c);
        if c.is_alphanumeric() || "_-.:/[] ".contains(c) {
            ParseStep::Continue
        } else {
            ParseStep::Invalid
        }
    }
}

fn name(head: &str) -> Option<&str> {
    let head = head.trim();
    let head = head.strip_suffix(ARGUMENTS).unwrap_or(head);
    let name = head.split_once(ID).map_or(head, |(name, _)| name).trim();
    (!name.is_empty() && !name.contains(['[', ']', ' '])).then_some(name)
}
