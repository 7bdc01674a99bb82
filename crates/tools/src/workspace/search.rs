//! `workspace.search`.

use std::fmt::Write as _;
use std::io::Read;
use std::ops::ControlFlow;

use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::Deserialize;

use super::Context;
use super::folder::{Folder, open_file};
use super::walk::{DEPTH, Entry, Walk};
use crate::output::quoted;

/// Maximum number of lines in a result.
const SHOWN: usize = 200;

/// Maximum length of a line in a result, in bytes.
const LINE_BYTES: usize = 300;

/// Maximum size of a file that is searched, in bytes.
const FILE_BYTES: u64 = 4 << 20;

/// Maximum size of what one call reads, in bytes.
const READ_BYTES: u64 = 128 << 20;

/// Maximum memory of an expression, compiled and while it is used, in bytes. The library's time is
/// linear in what is searched.
const EXPRESSION_BYTES: usize = 1 << 20;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// Text that a line contains, or regular expression that it matches.
    #[schemars(length(min = 1, max = 1000))]
    pattern: String,
    /// Whether `pattern` is a regular expression.
    #[serde(default)]
    regex: bool,
    /// Whether letter case counts.
    #[serde(default = "yes")]
    case_sensitive: bool,
    /// Folder, relative to the workspace.
    #[serde(default = "workspace")]
    path: String,
}

fn yes() -> bool {
    true
}

fn workspace() -> String {
    ".".to_owned()
}

pub(super) fn search(
    folder: &Folder,
    arguments: &Arguments,
    context: &Context,
) -> Result<String, String> {
    let expression = expression(arguments)?;
    let dir = folder.folder(&arguments.path)?;
    let path = arguments.path.trim_start_matches("./").trim_end_matches('/');
    let path = if path == "." { "" } else { path };
    let mut found = Found { lines: String::new(), shown: 0, read: 0, too_large: 0 };
    let walk = Walk::new(&context.deadline);
    let ended = walk.visit(&dir, path, DEPTH, &mut |entry| {
        if !entry.kind.is_file() {
            return ControlFlow::Continue(());
        }
        found.look_into(&entry, &expression, context)
    })?;
    if found.shown == 0 {
        found.lines.push_str("[no line matches]\n");
    }
    if found.too_large > 0 {
        let count = found.too_large;
        let part = format!("[{count} files of more than 4 MiB were not searched]\n");
        found.lines.push_str(&part);
    }
    if let Some(why) = ended {
        let part = format!("[{why}]\n");
        found.lines.push_str(&part);
    }
    Ok(found.lines)
}

fn expression(arguments: &Arguments) -> Result<Regex, String> {
    let escaped = || regex::escape(&arguments.pattern);
    let pattern = if arguments.regex { arguments.pattern.clone() } else { escaped() };
    RegexBuilder::new(&pattern)
        .case_insensitive(!arguments.case_sensitive)
        .size_limit(EXPRESSION_BYTES)
        .dfa_size_limit(EXPRESSION_BYTES)
        .build()
        .map_err(|error| {
            let last = error.to_string();
            let last = last.lines().last().unwrap_or_default();
            format!("invalid regular expression `{}`: {}", quoted(&arguments.pattern), quoted(last))
        })
}

struct Found {
    lines: String,
    shown: usize,
    read: u64,
    too_large: usize,
}

impl Found {
    fn look_into(
        &mut self,
        entry: &Entry<'_>,
        expression: &Regex,
        context: &Context,
    ) -> ControlFlow<String> {
        // Files that cannot be opened, and binary ones, hold no lines.
        let Ok((file, size)) = open_file(entry.parent, entry.name, &entry.path) else {
            return ControlFlow::Continue(());
        };
        if size > FILE_BYTES {
            self.too_large += 1;
            return ControlFlow::Continue(());
        }
        if self.read + size > READ_BYTES {
            return ControlFlow::Break("only 128 MiB were searched: name a folder".to_owned());
        }
        let mut bytes = Vec::new();
        // It may have grown meanwhile.
        if file.take(FILE_BYTES).read_to_end(&mut bytes).is_err() {
            return ControlFlow::Continue(());
        }
        self.read += bytes.len() as u64;
        let Ok(text) = String::from_utf8(bytes) else { return ControlFlow::Continue(()) };
        for (number, line) in (1..).zip(text.lines()) {
            if line.contains('\0') {
                return ControlFlow::Continue(());
            }
            let Some(at) = expression.find(line) else { continue };
            let line = passage(line, at.start());
            if self.shown == SHOWN
                || self.lines.len() + entry.path.len() + line.len() + 150 > context.bytes
            {
                return ControlFlow::Break(
                    "there is more: search for less, or name a folder".into(),
                );
            }
            self.shown += 1;
            let written = writeln!(self.lines, "{}:{number}: {line}", entry.path);
            debug_assert!(written.is_ok(), "a string takes all");
        }
        ControlFlow::Continue(())
    }
}

/// The part of a long line around what was found.
fn passage(line: &str, at: usize) -> String {
    if line.len() <= LINE_BYTES {
        return line.to_owned();
    }
    let from = line.floor_char_boundary(at.saturating_sub(LINE_BYTES / 3));
    let to = line.floor_char_boundary((from + LINE_BYTES).min(line.len()));
    let before = if from > 0 { "…" } else { "" };
    let after = if to < line.len() { "…" } else { "" };
    format!("{before}{}{after}", &line[from..to])
}
