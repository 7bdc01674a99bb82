//! Quoting for the readers of the emitted files.

/// One word for a POSIX shell.
pub(super) fn shell(word: &str) -> String {
    if is_plain(word) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
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
        assert_eq!(shell("/models/qwen3-8b.gguf"), "/models/qwen3-8b.gguf");
        assert_eq!(shell("it's here"), r"'it'\''s here'");
        assert_eq!(shell(""), "''");
        assert_eq!(unit("/models/a b.gguf"), "\"/models/a b.gguf\"");
        assert_eq!(unit("50%$HOME\"\\"), "\"50%%$$HOME\\\"\\\\\"");
    }
}
