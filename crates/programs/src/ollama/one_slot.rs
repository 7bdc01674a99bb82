//! Models for which Ollama has one slot, whatever `OLLAMA_NUM_PARALLEL` says.
//!
//! It goes by the family in the model's config, which [`super::register`] writes:
//! `docs/sources.md#architectures-with-one-slot-in-ollama`.

use crate::version::Version;

/// GGUF architectures with one slot in every version tested.
const ALWAYS: [&str; 6] = ["mllama", "qwen3vl", "qwen3vlmoe", "qwen3next", "lfm2", "lfm2moe"];

/// Those that later versions added; the last one without them that was read is 0.15.
const LATER: [&str; 5] = ["qwen35", "qwen35moe", "nemotron_h", "nemotron_h_moe", "nemotron_h_omni"];

/// Why this Ollama has one slot for a model of that GGUF architecture; `None` if it has as many as
/// wanted.
pub fn one_slot(
    architecture: &str,
    computes_embeddings: bool,
    version: &Version,
) -> Option<String> {
    if computes_embeddings {
        return Some(format!("Ollama {version} has one slot for a model that computes embeddings"));
    }
    let is_later = LATER.contains(&architecture) && version.is_from(0, 16);
    (ALWAYS.contains(&architecture) || is_later)
        .then(|| format!("Ollama {version} has one slot for the architecture {architecture}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn architectures_with_one_slot_depend_on_the_version() {
        let version = |text| Version::parse(text).unwrap();
        for (architecture, of_0_15, of_0_33) in [
            ("llama", false, false),
            ("qwen3", false, false),
            ("lfm2", true, true),
            ("qwen3next", true, true),
            ("qwen35moe", false, true),
            ("nemotron_h", false, true),
        ] {
            let is_one = |text| one_slot(architecture, false, &version(text)).is_some();
            assert_eq!((is_one("0.15.6"), is_one("0.33.0")), (of_0_15, of_0_33), "{architecture}");
        }
        let why = one_slot("bert", true, &version("0.33.0")).unwrap();
        assert!(why.contains("embeddings"), "{why}");
    }
}
