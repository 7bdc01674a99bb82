//! Quoting for the readers of the exported files.

use crate::error::ExportError;

/// One word for a POSIX shell.
///
/// # Errors
/// When it holds a NUL byte.
pub(super) fn shell(word: &str) -> Result<String, ExportError> {
    match shlex::try_quote(word) {
        Ok(quoted) => Ok(quoted.into_owned()),
        Err(_) => Err(ExportError::ShellWord { word: word.to_owned() }),
    }
}

/// One word for a systemd unit (`systemd.service(5)`, "Command lines"): specifiers and variables
/// are not expanded.
pub(super) fn unit(word: &str) -> String {
    let escaped = word
        .replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('%', "%%")
        .replace('$', "$$")
        .replace('\n', r"\n");
    if is_plain(word) { escaped } else { format!("\"{escaped}\"") }
}

/// Whether no reader gives a character of `word` a meaning of its own.
fn is_plain(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@".contains(c);
    !word.is_empty() && word.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_words() {
        assert_eq!(shell("/models/qwen3-8b.gguf").unwrap(), "/models/qwen3-8b.gguf");
        assert_eq!(shell("").unwrap(), "''");
        assert!(shell("a\0b").is_err(), "no shell reads it");
        assert_eq!(unit("/models/a b.gguf"), "\"/models/a b.gguf\"");
        assert_eq!(unit("50%$HOME\"\\"), "\"50%%$$HOME\\\"\\\\\"");
    }
}
