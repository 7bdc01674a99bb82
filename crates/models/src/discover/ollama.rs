//! Ollama's cache: manifests that reference blobs.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The relevant part of a manifest.
#[derive(Deserialize)]
struct Manifest {
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
struct Layer {
    #[serde(rename = "mediaType")]
    media_type: String,
    digest: String,
}

/// Media type of the layer with the weights.
const MODEL: &str = "application/vnd.ollama.image.model";

/// Maximum size of a manifest in bytes; real ones have a few kB.
const MAX_MANIFEST: u64 = 1 << 20;

/// Names and weight files of all manifests (`manifests/HOST/NAMESPACE/MODEL/TAG`).
pub(super) fn models(root: &Path) -> Vec<(String, PathBuf)> {
    let manifests = root.join("manifests");
    let mut found = Vec::new();
    for host in inside(&manifests) {
        for namespace in inside(&host) {
            for model in inside(&namespace) {
                for tag in inside(&model) {
                    if let Some(blob) = weights(root, &tag) {
                        found.push((name(&host, &namespace, &model, &tag), blob));
                    }
                }
            }
        }
    }
    found
}

fn inside(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.flatten().map(|entry| entry.path()).collect()
}

/// Ollama's display name, without its default registry and the namespace `library`.
fn name(host: &Path, namespace: &Path, model: &Path, tag: &Path) -> String {
    let last = |path: &Path| {
        path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    };
    let short = format!("{}:{}", last(model), last(tag));
    match (last(host).as_str(), last(namespace).as_str()) {
        ("registry.ollama.ai", "library") => short,
        ("registry.ollama.ai", namespace) => format!("{namespace}/{short}"),
        (host, namespace) => format!("{host}/{namespace}/{short}"),
    }
}

fn weights(root: &Path, manifest: &Path) -> Option<PathBuf> {
    let about = fs::metadata(manifest).ok()?;
    if !about.is_file() {
        return None;
    }
    let mut text = Vec::new();
    fs::File::open(manifest).ok()?.take(MAX_MANIFEST).read_to_end(&mut text).ok()?;
    let manifest: Manifest = serde_json::from_slice(&text).ok()?;
    let layer = manifest.layers.into_iter().find(|layer| layer.media_type == MODEL)?;
    let hex = layer.digest.strip_prefix("sha256:")?;
    // The digest becomes a file name, and the manifest is untrusted.
    (hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(())?;
    Some(root.join("blobs").join(format!("sha256-{hex}")))
}
