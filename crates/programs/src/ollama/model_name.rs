//! Name of an Ollama model: `MODEL` or `MODEL:TAG`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Host and namespace of names without them.
const LIBRARY: [&str; 2] = ["registry.ollama.ai", "library"];

/// Longest part of a name.
const LONGEST: usize = 80;

/// Name of an Ollama model of the default namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ModelName {
    model: String,
    tag: String,
}

impl ModelName {
    /// Path of its manifest below the folder `manifests`.
    pub(super) fn manifest(&self) -> PathBuf {
        let parts = LIBRARY.into_iter().chain([self.model.as_str(), &self.tag]);
        parts.collect()
    }

    /// The name as Ollama compares it.
    pub(super) fn folded(&self) -> String {
        self.to_string().to_ascii_lowercase()
    }

    /// The name whose manifest has that path below the folder of the default namespace.
    pub(super) fn of_parts(model: &str, tag: &str) -> Option<Self> {
        let is_valid = is_part(model) && is_part(tag);
        is_valid.then(|| Self { model: model.to_owned(), tag: tag.to_owned() })
    }

    /// Folder of the default namespace, below the folder `manifests`.
    pub(super) fn library() -> PathBuf {
        LIBRARY.into_iter().collect()
    }
}

impl FromStr for ModelName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (model, tag) = text.split_once(':').unwrap_or((text, "latest"));
        Self::of_parts(model, tag)
            .ok_or("letters, digits, `_`, `-` and `.`, at most 80 of them, and a tag after `:`")
    }
}

fn is_part(text: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let within = |c: char| is_letter(c) || c == '-' || c == '.';
    text.len() <= LONGEST && text.starts_with(is_letter) && text.chars().all(within)
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.model, self.tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_where_its_manifest_is_and_cannot_leave_the_folder() {
        let name: ModelName = "coder".parse().unwrap();
        assert_eq!(name.manifest(), PathBuf::from("registry.ollama.ai/library/coder/latest"));
        assert_eq!("Qwen3:4b".parse::<ModelName>().unwrap().folded(), "qwen3:4b");
        let long = "a".repeat(81);
        for other in [
            "", ":", "a:", ":b", "a:b:c", "../x", "a/b", "..", ".a", "a:..", "a b", "ü", "a\0",
            &long,
        ] {
            assert!(other.parse::<ModelName>().is_err(), "{other}");
        }
    }
}
