//! Import of other programs' settings, and the file that it becomes.
//!
//! Invariant: an existing file is not overwritten unless that is asked for.
//!
//! Does not do: understand the settings (`harmonic-import`).

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use harmonic_fsutil::{WriteOptions, replace};
use harmonic_import::{MAX_TEXT, Modelfile, Surroundings};
use harmonic_models::CATALOG_NAMES;

pub use harmonic_import::{Imported, Note, NoteKind};

use crate::error::{AppError, Result};
use crate::settings::Settings;

/// The settings that are imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportSource {
    /// The models of an Ollama store; `None` is the first one of this machine.
    Ollama(Option<PathBuf>),
    /// Modelfiles, each an agent.
    Modelfiles(Vec<PathBuf>),
    /// A configuration of llama-swap.
    LlamaSwap(PathBuf),
    /// Presets of llama-server.
    Presets(PathBuf),
}

/// Imports `source`; `home` is the user's home folder.
///
/// # Errors
/// If a file cannot be read, or is not of that format.
pub fn import(source: &ImportSource, home: Option<&str>, settings: &Settings) -> Result<Imported> {
    let surroundings = Surroundings { home, catalog: &CATALOG_NAMES };
    Ok(match source {
        ImportSource::Ollama(Some(store)) => harmonic_import::ollama_store(store)?,
        ImportSource::Ollama(None) => harmonic_import::ollama_store(&store(settings)?)?,
        ImportSource::Modelfiles(paths) => {
            let read = |path: &PathBuf| -> Result<(PathBuf, String)> {
                Ok((absolute(path)?, text(path)?))
            };
            let texts = paths.iter().map(read).collect::<Result<Vec<_>>>()?;
            let files = texts.iter().map(|(path, text)| Modelfile { path, text });
            harmonic_import::modelfiles(&files.collect::<Vec<_>>(), &surroundings)?
        }
        ImportSource::LlamaSwap(path) => {
            harmonic_import::llama_swap(&text(path)?, &path.display().to_string(), &surroundings)?
        }
        ImportSource::Presets(path) => {
            harmonic_import::presets(&text(path)?, &path.display().to_string())?
        }
    })
}

/// Writes the text of a stack file to `path`.
///
/// # Errors
/// If the file exists and `overwrite` is not set, or cannot be written.
pub fn save(text: &str, path: &Path, overwrite: bool) -> Result<()> {
    if overwrite {
        return Ok(replace(path, text.as_bytes(), WriteOptions::DOCUMENT)?);
    }
    let created = OpenOptions::new().write(true).create_new(true).open(path);
    let written = created.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => AppError::refused(
            format!("{} exists", path.display()),
            "choose another file with --output, or overwrite it with --force",
        ),
        _ => AppError::context(format!("cannot write {}", path.display()))(error),
    })
}

/// The first Ollama store of this machine.
fn store(settings: &Settings) -> Result<PathBuf> {
    let stores = &settings.caches.ollama;
    stores.iter().find(|store| store.join("manifests").is_dir()).cloned().ok_or_else(|| {
        let searched: Vec<String> =
            stores.iter().map(|store| store.display().to_string()).collect();
        AppError::refused(
            format!("no Ollama store in {}", searched.join(", ")),
            "name its folder with --store, or set OLLAMA_MODELS as the server has it",
        )
    })
}

/// `path` from the root, so that paths in the file have a folder that they are relative to.
fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(AppError::context(format!("cannot find {}", path.display())))
}

/// The text of a file that the user has named; a link or a pipe is read, too.
fn text(path: &Path) -> Result<String> {
    let failed = || AppError::context(format!("cannot read {}", path.display()));
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed())?;
    file.take(MAX_TEXT + 1).read_to_end(&mut bytes).map_err(failed())?;
    if bytes.len() as u64 > MAX_TEXT {
        return Err(AppError::refused(
            format!("{} is too long: expected at most {MAX_TEXT} bytes", path.display()),
            "name the file with the settings",
        ));
    }
    String::from_utf8(bytes).map_err(|_| {
        AppError::refused(
            format!("{} is not UTF-8", path.display()),
            "name a text file, or convert it to UTF-8",
        )
    })
}
