//! The base model of a Modelfile, as a stack file names it.

use std::path::{Component, Path, PathBuf};

use crate::Surroundings;

/// Registries that are the hub.
const HUB: [&str; 2] = ["hf.co/", "huggingface.co/"];

/// The model of `FROM from` in a Modelfile in `folder`. A path is made relative to where the
/// Modelfile is; a name that is not in the catalog is one of Ollama's store. Ollama looks whether
/// there is such a file; this does not, and takes for a path what begins with `/`, `.` or `~` or
/// ends with `.gguf`.
pub(crate) fn base_model(from: &str, folder: &Path, surroundings: &Surroundings<'_>) -> String {
    let is_path = from.starts_with(['/', '.', '~'])
        || Path::new(from).extension().is_some_and(|end| end.eq_ignore_ascii_case("gguf"));
    if is_path {
        let path = match (from.strip_prefix("~/"), surroundings.home) {
            (Some(rest), Some(home)) => Path::new(home).join(rest),
            _ => folder.join(from),
        };
        return without_dots(&path).display().to_string();
    }
    if let Some(rest) = HUB.iter().find_map(|host| from.strip_prefix(host)) {
        return format!("hf:{rest}");
    }
    if surroundings.catalog.contains(&from) {
        return from.to_owned();
    }
    let has_tag = from.rsplit('/').next().is_some_and(|last| last.contains(':'));
    format!("ollama:{from}{}", if has_tag { "" } else { ":latest" })
}

/// `path` without `.` and with `..` applied, so that it can be read by people. A link in it is not
/// followed: `..` after one means its parent here, as it does in a shell's prompt.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if plain.file_name().is_some() => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    // A path without a separator would be read as a name.
    if plain.components().count() > 1 { plain } else { Path::new(".").join(plain) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_base_becomes_the_source_that_it_is() {
        let surroundings = Surroundings { home: Some("/home/me"), catalog: &["qwen3:4b"] };
        for (from, model) in [
            ("qwen3:4b", "qwen3:4b"),
            ("llama3.2", "ollama:llama3.2:latest"),
            ("me/mine:v1", "ollama:me/mine:v1"),
            ("host:5000/me/mine", "ollama:host:5000/me/mine:latest"),
            ("hf.co/org/Repo-GGUF:Q4_K_M", "hf:org/Repo-GGUF:Q4_K_M"),
            ("./m.gguf", "/models/here/m.gguf"),
            ("../m.gguf", "/models/m.gguf"),
            ("m.GGUF", "/models/here/m.GGUF"),
            ("~/m.gguf", "/home/me/m.gguf"),
            ("/blobs/sha256-00", "/blobs/sha256-00"),
        ] {
            assert_eq!(base_model(from, Path::new("/models/here"), &surroundings), model);
        }
        assert_eq!(base_model("m.gguf", Path::new(""), &surroundings), "./m.gguf");
    }
}
