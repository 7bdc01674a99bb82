//! How `sentence-transformers` pools the vectors of the tokens.

use serde::Deserialize;

use super::{CheckpointError, CheckpointFiles, json};

const MODULES: &str = "modules.json";

/// A step of the model, by the name of its class.
#[derive(Debug, Deserialize)]
struct Module {
    path: String,
    #[serde(rename = "type")]
    class: String,
}

#[derive(Debug, Deserialize)]
struct Pooling {
    #[serde(default, rename = "pooling_mode_mean_tokens")]
    mean: bool,
    #[serde(default, rename = "pooling_mode_cls_token")]
    cls: bool,
    #[serde(default, rename = "pooling_mode_lasttoken")]
    last: bool,
}

/// GGUF's number of the pooling.
///
/// # Errors
/// If the model does not pool, pools otherwise, or computes something after that.
pub(super) fn read(files: &mut dyn CheckpointFiles) -> Result<u32, CheckpointError> {
    let modules: Vec<Module> = json(files, MODULES)?;
    let mut folder = None;
    for Module { path, class } in modules {
        match class.rsplit('.').next().unwrap_or_default() {
            "Pooling" => folder = Some(path),
            // Servers normalise.
            "Transformer" | "Normalize" => {}
            other => {
                let other: String = other.chars().take(64).flat_map(char::escape_default).collect();
                let reason = format!(
                    "it has the module `{other}`, expected Transformer, Pooling and Normalize"
                );
                return Err(CheckpointError::unsupported(MODULES, reason));
            }
        }
    }
    let folder = folder
        .ok_or_else(|| CheckpointError::unsupported(MODULES, "it has no module `Pooling`"))?;
    // The folder becomes part of a path.
    if folder.is_empty() || folder.contains(['/', '\\']) || folder.starts_with('.') {
        return Err(CheckpointError::unsupported(MODULES, "`Pooling` has no folder of its own"));
    }
    let file = format!("{folder}/config.json");
    match json(files, &file)? {
        Pooling { mean: true, cls: false, last: false } => Ok(1),
        Pooling { mean: false, cls: true, .. } => Ok(2),
        Pooling { mean: false, last: true, .. } => Ok(3),
        Pooling { .. } => Err(CheckpointError::unsupported(
            &file,
            "expected one of mean, cls and last-token pooling",
        )),
    }
}
