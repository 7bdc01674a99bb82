//! Loading of a stack by built-in name, from a file, or from text.
//!
//! The only module of the crate that reads files: the stack file and its prompt files.

use std::io;
use std::path::Path;

use harmonic_fsutil::read_text;
use harmonic_types::{StackSpec, did_you_mean};

use crate::builtin::{builtin, builtin_agents, builtin_names};
use crate::error::StackError;
use crate::parse::{self, References};
use crate::position::{Position, Source};

/// Maximum bytes of a stack file, and of a prompt file: some hundred times a long one, and more text
/// than any context holds.
const LONGEST_FILE: u64 = 4 << 20;

/// The stack in `text`; `origin` names it in errors. Text has no directory, so `system_file` is an
/// error: use [`load`].
///
/// # Errors
/// If the text is not a valid stack file; see [`StackError`].
pub fn parse(text: &str, origin: &str) -> Result<StackSpec, StackError> {
    let prompt = |_: &str| {
        let why = "`system_file` requires a stack file, this stack is text: use `system` instead";
        Err(io::Error::new(io::ErrorKind::Unsupported, why))
    };
    let references = References { agents: builtin_agents(), prompt: &prompt };
    parse::stack(&Source { text, origin }, references)
}

/// The stack in the file `path`. A `system_file` in it is relative to the file's directory.
///
/// # Errors
/// If the file or one of its prompt files cannot be read, or is invalid; see [`StackError`].
pub fn load(path: &Path) -> Result<StackSpec, StackError> {
    let text = read_text(path, LONGEST_FILE)
        .map_err(|source| StackError::Read { path: path.to_owned(), source })?;
    let directory = path.parent().unwrap_or(Path::new(""));
    let prompt = |file: &str| read_text(&directory.join(file), LONGEST_FILE);
    let references = References { agents: builtin_agents(), prompt: &prompt };
    parse::stack(&Source { text: &text, origin: &path.display().to_string() }, references)
}

/// The stack of a command-line argument: the built-in one of that name, otherwise the file. A
/// built-in name takes precedence over a file of the same name; `./standard` is the file.
///
/// # Errors
/// [`StackError::Unknown`], with the names of the built-in stacks, if it is neither; otherwise as
/// [`load`].
pub fn resolve(name_or_path: &str) -> Result<StackSpec, StackError> {
    if let Some(stack) = builtin(name_or_path) {
        return Ok(stack);
    }
    let path = Path::new(name_or_path);
    let is_path = path.components().count() > 1 || path.extension().is_some();
    if is_path || path.exists() {
        return load(path);
    }
    Err(StackError::Unknown {
        name: name_or_path.to_owned(),
        meant: did_you_mean(name_or_path, builtin_names()),
        builtins: builtin_names().collect::<Vec<_>>().join(", "),
    })
}

/// Position of the first agent's `model` key with the value `model`, in the file that [`resolve`]
/// reads; `None` for a built-in stack, and where no key has that value.
pub fn model_position(name_or_path: &str, model: &str) -> Option<Position> {
    if builtin(name_or_path).is_some() {
        return None;
    }
    let text = read_text(Path::new(name_or_path), LONGEST_FILE).ok()?;
    parse::model_position(&Source { text: &text, origin: name_or_path }, model)
}

#[cfg(test)]
mod tests;
