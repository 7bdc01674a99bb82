//! Manifests of a store and the config of a model.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Start of the media types of layers.
const KIND: &str = "application/vnd.ollama.image.";

/// A model: its config and its layers.
#[derive(Debug, Deserialize)]
pub(super) struct Manifest {
    pub(super) config: Option<Layer>,
    #[serde(default)]
    pub(super) layers: Vec<Layer>,
}

/// A part of a model.
#[derive(Debug, Deserialize)]
pub(super) struct Layer {
    #[serde(rename = "mediaType")]
    media_type: String,
    digest: String,
}

impl Layer {
    /// `model`, `template` and so on; another media type as it is.
    pub(super) fn kind(&self) -> &str {
        self.media_type.strip_prefix(KIND).unwrap_or(&self.media_type)
    }

    /// Its file; `None` where its digest is none, so that it cannot lead out of the store.
    pub(super) fn blob(&self, root: &Path) -> Option<PathBuf> {
        let hex = self.digest.strip_prefix("sha256:").or(self.digest.strip_prefix("sha256-"))?;
        let is_digest = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_digest.then(|| root.join("blobs").join(format!("sha256-{hex}")))
    }
}

/// What a config says of the kind of a model. Its other fields describe the weights, which their file
/// does, too.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    model_format: String,
    remote_host: String,
    remote_model: String,
    renderer: String,
    parser: String,
}

impl Config {
    pub(super) fn is_gguf(&self) -> bool {
        self.model_format.is_empty() || self.model_format == "gguf"
    }

    pub(super) fn is_remote(&self) -> bool {
        !(self.remote_host.is_empty() && self.remote_model.is_empty())
    }

    /// Stated formats of prompts and answers.
    pub(super) fn formats(&self) -> impl Iterator<Item = &'static str> {
        let formats = [("renderer", &self.renderer), ("parser", &self.parser)];
        formats.into_iter().filter(|(_, value)| !value.is_empty()).map(|(key, _)| key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_cannot_lead_out_of_the_store() {
        let blob = |digest: &str| {
            let layer = Layer { media_type: String::new(), digest: digest.to_owned() };
            layer.blob(Path::new("/store"))
        };
        let hex = "0a".repeat(32);
        let path = PathBuf::from(format!("/store/blobs/sha256-{hex}"));
        assert_eq!(blob(&format!("sha256:{hex}")), Some(path));
        for digest in ["", "sha256:", "sha256:../../x", &"a/".repeat(35), "sha256:é", &hex] {
            assert_eq!(blob(digest), None, "{digest}");
        }
        let traversal = format!("sha256:{}", "../".repeat(21) + "x");
        assert_eq!(blob(&traversal), None);
    }
}
