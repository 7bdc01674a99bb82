//! Quoting for shells and systemd.

use crate::error::ExportError;

/// `word` quoted for a POSIX shell.
///
/// # Errors
/// If it contains a NUL byte.
pub(super) fn shell(word: &str) -> Result<String, ExportError> {
    match shlex::try_quote(word) {
        Ok(quoted) => Ok(quoted.into_owned()),
        Err(_) => Err(ExportError::ShellWord { word: word.to_owned() }),
    }
}

/// `word` quoted for a systemd unit (`systemd.service(5)`, "Command lines"), without expansion of
/// specifiers and variables.
pub(super) fn unit(word: &str) -> String {
    let escaped = word
        .replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('%', "%%")
        .replace('$', "$$")
        .replace('\n', r"\n");
    if is_plain(word) { escaped } else { format!("\"{escaped}\"") }
}

/// Whether `word` has no special characters.
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
        assert!(shell("a\0b").is_err(), "a NUL byte cannot be quoted");
        assert_eq!(unit("/models/a b.gguf"), "\"/models/a b.gguf\"");
        assert_eq!(unit("50%$HOME\"\\"), "\"50%%$$HOME\\\"\\\\\"");
    }
}
