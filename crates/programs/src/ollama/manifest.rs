//! Documents of Ollama's model store: the manifest of a model and its config
//! (`docs/sources.md#model-store-of-ollama`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Type of a manifest.
const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// Type of the config.
pub(super) const CONFIG: &str = "application/vnd.docker.container.image.v1+json";

/// Type of the layer that is the model file.
pub(super) const MODEL: &str = "application/vnd.ollama.image.model";

/// Type of the layer with the template, in Go's notation.
pub(super) const TEMPLATE: &str = "application/vnd.ollama.image.template";

/// Type of the layer with the system prompt.
pub(super) const SYSTEM: &str = "application/vnd.ollama.image.system";

/// Type of the layer with the parameters, in JSON.
pub(super) const PARAMETERS: &str = "application/vnd.ollama.image.params";

/// Annotation of manifests that were written here. Ollama ignores it, and a model that it creates
/// anew lacks it.
const OURS: &str = "harmonic-stack";

/// Longest manifest that is read.
pub(super) const MAX_MANIFEST: u64 = 1 << 20;

/// One blob of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Layer {
    #[serde(rename = "mediaType")]
    pub(super) media_type: String,
    /// `sha256:` and the digest in hex.
    pub(super) digest: String,
    pub(super) size: u64,
}

/// A model: its config and layers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    #[serde(rename = "schemaVersion")]
    schema_version: u32,
    #[serde(rename = "mediaType", default)]
    media_type: String,
    pub(super) config: Layer,
    #[serde(default)]
    pub(super) layers: Vec<Layer>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// A manifest of ours.
    pub(super) fn ours(config: Layer, layers: Vec<Layer>) -> Self {
        Self {
            schema_version: 2,
            media_type: MANIFEST.to_owned(),
            config,
            layers,
            annotations: BTreeMap::from([(OURS.to_owned(), "agent".to_owned())]),
        }
    }

    /// Whether it was written here.
    pub(super) fn is_ours(&self) -> bool {
        self.annotations.contains_key(OURS)
    }

    /// Config and layers.
    pub(super) fn blobs(&self) -> impl Iterator<Item = &Layer> {
        self.layers.iter().chain([&self.config])
    }
}

/// The config of a model.
#[derive(Debug, Serialize)]
pub(super) struct Config<'a> {
    model_format: &'static str,
    /// Decides how many slots Ollama gives it: [`super::one_slot`].
    model_family: &'a str,
    model_families: [&'a str; 1],
    model_type: &'static str,
    file_type: &'a str,
    architecture: &'static str,
    os: &'static str,
    rootfs: RootFs,
}

#[derive(Debug, Serialize)]
struct RootFs {
    r#type: &'static str,
    diff_ids: Vec<String>,
}

impl<'a> Config<'a> {
    /// The config of a GGUF file of that architecture and weight format, with those layers.
    pub(super) fn new(family: &'a str, format: &'a str, layers: &[Layer]) -> Self {
        Self {
            model_format: "gguf",
            model_family: family,
            model_families: [family],
            // Shown as its size; not known here.
            model_type: "",
            file_type: format,
            // Required by the format, the same in every model of Ollama's library.
            architecture: "amd64",
            os: "linux",
            rootfs: RootFs {
                r#type: "layers",
                diff_ids: layers.iter().map(|layer| layer.digest.clone()).collect(),
            },
        }
    }
}
