//! Where a stack comes from: a built-in name, a file, or a text.
//!
//! The only module here that reads files: the stack file, and the prompts it names.

use std::path::Path;
use std::{fs, io};

use harmonic_types::StackSpec;

use crate::builtin::{builtin, builtin_agents, builtin_names};
use crate::error::StackError;
use crate::parse::{self, References};
use crate::place::Source;

/// The stack in `text`; `origin` is what errors call it. A text has no directory, so a
/// `system_file` is refused: use [`load`].
///
/// # Errors
/// When the text is not a valid stack file; see [`StackError`].
pub fn parse(text: &str, origin: &str) -> Result<StackSpec, StackError> {
    let prompt = |_: &str| {
        let why = "a stack that is not a file has no directory to look in: use `system` instead";
        Err(io::Error::new(io::ErrorKind::Unsupported, why))
    };
    let references = References { agents: builtin_agents(), prompt: &prompt };
    parse::stack(&Source { text, origin }, references)
}

/// The stack in the file `path`. A `system_file` in it is relative to the file's directory.
///
/// # Errors
/// When the file or a prompt it names cannot be read, or is not valid; see [`StackError`].
pub fn load(path: &Path) -> Result<StackSpec, StackError> {
    let text = fs::read_to_string(path)
        .map_err(|source| StackError::Read { path: path.to_owned(), source })?;
    let directory = path.parent().unwrap_or(Path::new(""));
    let prompt = |file: &str| fs::read_to_string(directory.join(file));
    let references = References { agents: builtin_agents(), prompt: &prompt };
    parse::stack(&Source { text: &text, origin: &path.display().to_string() }, references)
}

/// The stack that a person means: the built-in one of that name, else the file. A built-in name
/// wins over a file in the current directory that is called the same; `./standard` is the file.
///
/// # Errors
/// [`StackError::Unknown`], with the names of the built-in stacks, when it is neither; otherwise as
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
        asked: name_or_path.to_owned(),
        builtins: builtin_names().collect::<Vec<_>>().join(", "),
    })
}

#[cfg(test)]
mod tests;
