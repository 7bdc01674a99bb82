//! Models in Ollama's model store, written without Ollama: manifest, config and small layers as
//! files, the GGUF file as a link.
//!
//! Ollama serves them from then on, also one that runs. `ollama create` would copy or rewrite the
//! file (`docs/sources.md#model-store-of-ollama`).
//!
//! Invariants: a manifest is written after its blobs; one that was not written here is neither
//! replaced nor removed; the GGUF file is not changed. One process writes at a time.

mod blobs;

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use harmonic_fsutil::{FileLock, read};
use harmonic_types::Tokens;

use self::blobs::Blobs;
use super::manifest::{
    CONFIG, Config, MAX_MANIFEST, MODEL, Manifest, PARAMETERS, SYSTEM, TEMPLATE,
};
use super::{ModelName, Parameters};
use crate::error::ProgramError;

/// A model to register: an agent on a GGUF file.
#[derive(Clone, Debug, PartialEq)]
pub struct OllamaModel {
    /// Its name: `MODEL` or `MODEL:TAG`.
    pub name: String,
    /// The GGUF file.
    pub gguf: PathBuf,
    /// sha256 of the file in hex.
    pub digest: String,
    /// GGUF `general.architecture`, by which Ollama gives it slots.
    pub family: String,
    /// Weight format, for Ollama's lists.
    pub format: String,
    /// Chat template in Go's notation; `None` is the one in the file
    /// ([`super::reads_chat_template`]).
    pub template: Option<String>,
    /// System prompt; may be empty.
    pub system: String,
    /// Parameters; `num_ctx` is [`OllamaModel::context`].
    pub parameters: Parameters,
    /// Context of each of its slots: the same for all models of one file.
    pub context: Tokens,
}

/// Folders of one model store, and the lock on it.
struct Store {
    root: PathBuf,
    blobs: Blobs,
    _lock: FileLock,
}

impl Store {
    fn open(root: &Path) -> Result<Self, ProgramError> {
        let root = std::path::absolute(root).map_err(ProgramError::io("find", root))?;
        let blobs = Blobs::open(&root)?;
        let lock = FileLock::wait(&root.join("harmonic-stack.lock"))?;
        Ok(Self { root, blobs, _lock: lock })
    }

    fn manifest_path(&self, name: &ModelName) -> PathBuf {
        self.root.join("manifests").join(name.manifest())
    }

    /// The manifest of `name`; `None` if there is no such model.
    fn manifest(&self, name: &ModelName) -> Result<Option<Manifest>, ProgramError> {
        let Some(bytes) = read(&self.manifest_path(name), MAX_MANIFEST)? else { return Ok(None) };
        // A file that is no manifest was not written here.
        let manifest = serde_json::from_slice(&bytes);
        manifest.map(Some).map_err(|_| self.foreign(name))
    }

    fn foreign(&self, name: &ModelName) -> ProgramError {
        ProgramError::Foreign { model: name.to_string(), store: self.root.clone() }
    }

    /// Names of the models in the default namespace.
    fn names(&self) -> Result<Vec<ModelName>, ProgramError> {
        let library = self.root.join("manifests").join(ModelName::library());
        let mut names = Vec::new();
        for model in entries(&library)? {
            for tag in entries(&library.join(&model))? {
                names.extend(ModelName::of_parts(&model, &tag));
            }
        }
        Ok(names)
    }

    /// Digests of the blobs that any model of any namespace uses; `None` if a manifest cannot be
    /// read, so that this is not known.
    fn used(&self) -> Result<Option<BTreeSet<String>>, ProgramError> {
        let mut used = BTreeSet::new();
        // HOST/NAMESPACE/MODEL/TAG
        let mut paths = vec![self.root.join("manifests")];
        for _ in 0..4 {
            let mut below = Vec::new();
            for path in paths {
                below.extend(entries(&path)?.into_iter().map(|entry| path.join(entry)));
            }
            paths = below;
        }
        for path in paths {
            let Ok(Some(bytes)) = read(&path, MAX_MANIFEST) else { return Ok(None) };
            let Ok(manifest) = serde_json::from_slice::<Manifest>(&bytes) else { return Ok(None) };
            used.extend(manifest.blobs().map(|layer| layer.digest.clone()));
        }
        Ok(Some(used))
    }

    fn register(&self, name: &ModelName, model: &OllamaModel) -> Result<(), ProgramError> {
        let mut layers = vec![self.blobs.link(MODEL, &model.digest, &model.gguf, &model.name)?];
        if let Some(template) = &model.template {
            layers.push(self.blobs.write(TEMPLATE, template.as_bytes())?);
        }
        if !model.system.is_empty() {
            layers.push(self.blobs.write(SYSTEM, model.system.as_bytes())?);
        }
        let mut parameters = model.parameters.clone();
        parameters.set("num_ctx", &model.context.0.into())?;
        layers.push(self.blobs.write(PARAMETERS, parameters.json().to_string().as_bytes())?);
        let config = Config::new(&model.family, &model.format, &layers);
        let config = self.blobs.write(CONFIG, json(&config)?.as_bytes())?;
        let manifest = json(&Manifest::ours(config, layers))?;
        self.blobs.replace(&self.manifest_path(name), manifest.as_bytes())
    }

    /// Removes the manifest, and the folder of its model if that is empty then.
    fn remove(&self, name: &ModelName) -> Result<(), ProgramError> {
        let path = self.manifest_path(name);
        fs::remove_file(&path).map_err(ProgramError::io("remove", &path))?;
        match path.parent().map(fs::remove_dir) {
            Some(Err(error)) if error.kind() != ErrorKind::DirectoryNotEmpty => {
                Err(ProgramError::io("remove the folder of", path)(error))
            }
            _ => Ok(()),
        }
    }
}

/// Names of the entries of `folder` in UTF-8, none if it does not exist or is a file.
fn entries(folder: &Path) -> Result<Vec<String>, ProgramError> {
    let listed = match fs::read_dir(folder) {
        Ok(listed) => listed,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(ProgramError::io("list", folder)(error)),
    };
    let mut names = Vec::new();
    for entry in listed {
        let entry = entry.map_err(ProgramError::io("list", folder))?;
        names.extend(entry.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

fn json(document: &impl serde::Serialize) -> Result<String, ProgramError> {
    serde_json::to_string(document).map_err(|error| ProgramError::Document {
        program: super::PROGRAM,
        document: "model",
        reason: error.to_string(),
    })
}

/// The name of `model`, if all its fields are valid.
fn validate(model: &OllamaModel) -> Result<ModelName, ProgramError> {
    let invalid =
        |what: String, expected| ProgramError::Model { model: model.name.clone(), what, expected };
    let name: ModelName =
        model.name.parse().map_err(|expected| invalid("name".to_owned(), expected))?;
    let is_digest = model.digest.len() == 64
        && model.digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !is_digest {
        let what = format!("digest `{}`", model.digest);
        return Err(invalid(what, "a sha256 in lower-case hex"));
    }
    if model.family.is_empty() {
        // Without it Ollama would give several slots to a model that cannot have them.
        return Err(invalid("family".to_owned(), "the architecture in the GGUF file"));
    }
    let file = fs::metadata(&model.gguf).map_err(ProgramError::io("read", &model.gguf))?;
    if !file.is_file() {
        let what = format!("file `{}`", model.gguf.display());
        return Err(invalid(what, "a GGUF file"));
    }
    let mut parameters = model.parameters.clone();
    parameters.set("num_ctx", &model.context.0.into())?;
    Ok(name)
}

/// Registers `models` in the store at `store`, which is made if absent. All are checked before the
/// first is written; a model of ours of the same name is replaced.
///
/// # Errors
/// If a model is invalid, two have the same name or one file different contexts, a model of others
/// has that name, or the store cannot be written.
pub fn register(store: &Path, models: &[OllamaModel]) -> Result<(), ProgramError> {
    let names = models.iter().map(validate).collect::<Result<Vec<_>, _>>()?;
    for (at, model) in models.iter().enumerate() {
        let invalid = |what: String, expected| ProgramError::Model {
            model: model.name.clone(),
            what,
            expected,
        };
        for (earlier, other) in models[..at].iter().enumerate() {
            if names[earlier].folded() == names[at].folded() {
                let what = format!("name, which `{}` has, too,", other.name);
                return Err(invalid(what, "another one: case does not count"));
            }
            if other.digest == model.digest && other.context != model.context {
                let what = format!("context {}", model.context);
                return Err(invalid(
                    what,
                    "that of the other models of its file, or each request would reload it",
                ));
            }
        }
    }
    let store = Store::open(store)?;
    let there = store.names()?;
    for name in &names {
        let is_foreign = store.manifest(name)?.is_some_and(|manifest| !manifest.is_ours());
        // Ollama would take one for the other.
        let differs_by_case =
            |other: &&ModelName| *other != name && other.folded() == name.folded();
        if is_foreign || there.iter().any(|other| differs_by_case(&other)) {
            return Err(store.foreign(name));
        }
    }
    names.iter().zip(models).try_for_each(|(name, model)| store.register(name, model))
}

/// Names of the models in the store at `store` that were registered here.
///
/// # Errors
/// If the store cannot be read.
pub fn registered(store: &Path) -> Result<Vec<String>, ProgramError> {
    let store = Store::open(store)?;
    let mut ours = Vec::new();
    for name in store.names()? {
        // What cannot be read was not written here.
        if store.manifest(&name).is_ok_and(|it| it.is_some_and(|it| it.is_ours())) {
            ours.push(name.to_string());
        }
    }
    Ok(ours)
}

/// Removes the models `names` from the store at `store`, and the blobs that no other model uses.
/// One that does not exist is no error. A GGUF file is never removed, only the link to it.
///
/// # Errors
/// If one of them was not registered here, or the store cannot be written.
pub fn unregister(store: &Path, names: &[String]) -> Result<(), ProgramError> {
    let store = Store::open(store)?;
    let mut found = Vec::new();
    for name in names {
        let parsed: ModelName = name.parse().map_err(|expected| ProgramError::Model {
            model: name.clone(),
            what: "name".to_owned(),
            expected,
        })?;
        match store.manifest(&parsed)? {
            Some(manifest) if manifest.is_ours() => found.push((parsed, manifest)),
            Some(_) => return Err(store.foreign(&parsed)),
            None => {}
        }
    }
    for (name, _) in &found {
        store.remove(name)?;
    }
    let Some(used) = store.used()? else { return Ok(()) };
    let blobs = found.iter().flat_map(|(_, manifest)| manifest.blobs());
    for layer in blobs.filter(|layer| !used.contains(&layer.digest)) {
        store.blobs.remove(layer)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
