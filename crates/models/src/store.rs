//! The content-addressed store: `blobs/sha256-<hex>.gguf`, of a model in several files
//! `blobs/sha256-<hex>-00001-of-00003.gguf` and so on, as llama.cpp wants them named; and records
//! that name them in `names/`.
//!
//! Invariants: a file under `blobs/` is complete, readable GGUF and has the digest in its name (of
//! several files, that of their digests); a record is written whole or not at all, after its blob;
//! a blob that no record names is removed with its last record. Work in progress lies in `partial/`
//! only, locks in `locks/`. A name of the catalog stands for the catalog's model alone: a record of
//! it that states another source or digest is not used ([`ModelError::CatalogNameConflict`]), and
//! none is written. A blob without a record, whoever left it, has no name and is never used.
//!
//! Does not do: fetching (`pull`), choosing its own root (the caller passes it in).

pub(crate) mod folder;
pub mod lock;
mod lookup;
pub mod record;
pub mod space;

use std::fs;
use std::path::{Path, PathBuf};

use harmonic_types::{Bytes, Finding, ModelFile};

use crate::catalog;
use crate::convert::converted_name;
use crate::error::ModelError;
use crate::format::WeightFormat;
use crate::shards::ModelFiles;
use crate::store::folder::{Folder, PartialFile};
use crate::store::lock::Lock;
use crate::store::lookup::verified;

pub use record::{ConvertedFrom, Record, Shard};

/// Where models lie unless the user says otherwise: under the user's data folder
/// (`$XDG_DATA_HOME`).
pub fn default_root(data_home: &Path) -> PathBuf {
    data_home.join("harmonic").join("models")
}

/// A store under one root. Cheap to clone; holds no file open.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

/// One model of the store.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredModel {
    /// What was written down when it came.
    pub record: Record,
    /// The file, with its shape as read from the header just now.
    pub file: ModelFile,
}

/// What the store holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    /// Models that can be used, by name.
    pub models: Vec<StoredModel>,
    /// Records that cannot, each with its remedy.
    pub findings: Vec<Finding>,
}

/// What a removal did.
#[derive(Clone, Debug, PartialEq)]
pub struct Removed {
    /// Names that are gone: the one asked for, and the conversion that it ran as.
    pub names: Vec<String>,
    /// Space that came free; zero where other names use the same files.
    pub freed: Bytes,
}

impl Store {
    /// The store under `root`; its folders are made when something is written.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Its root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Bytes that this user can still write there. The folders need not exist yet: then it is the
    /// disk on which they would be made.
    ///
    /// # Errors
    /// When the disk cannot be asked.
    pub fn free(&self) -> Result<Bytes, ModelError> {
        let folder = self.root.ancestors().find(|folder| folder.exists());
        space::free(folder.unwrap_or(Path::new(".")))
    }

    /// The model that `name` runs as: the conversion made at pull where there is one, else the
    /// file as it came. `name` may also be the source it was pulled from (`hf:…`, a path).
    ///
    /// The returned [`ModelFile::name`] is the name of the record that was found.
    ///
    /// # Errors
    /// When the record or its file is damaged. An unknown name is `Ok(None)`.
    pub fn find(&self, name: &str) -> Result<Option<ModelFile>, ModelError> {
        let Some(original) = self.show(name)? else { return Ok(None) };
        let Some(runs_as) = &original.record.runs_as else { return Ok(Some(original.file)) };
        // A conversion of these very bytes, and no other model that a record names.
        let is_conversion = |model: &StoredModel| {
            model.record.converted_from.as_ref().is_some_and(|from| {
                from.digest == original.record.digest && from.name == original.record.name
            })
        };
        let converted = self.show(runs_as)?.filter(is_conversion);
        Ok(Some(converted.map_or(original.file.clone(), |converted| ModelFile {
            name: original.file.name,
            ..converted.file
        })))
    }

    /// The model of exactly that record, as it came.
    ///
    /// # Errors
    /// As [`Store::find`].
    pub fn show(&self, name: &str) -> Result<Option<StoredModel>, ModelError> {
        match self.record(name)? {
            Some(record) => self.load(record).map(Some),
            None => Ok(None),
        }
    }

    /// Makes `name` run as its stored conversion to `format`, or with `None` as it came.
    ///
    /// # Errors
    /// [`ModelError::NotStored`] when there is no such model or conversion.
    pub fn run_as(&self, name: &str, format: Option<WeightFormat>) -> Result<(), ModelError> {
        let not_stored = |name: &str| ModelError::NotStored(name.to_owned());
        let mut record = self.record(name)?.ok_or_else(|| not_stored(name))?;
        record.runs_as = match format {
            None => None,
            Some(format) => {
                let target = converted_name(&record.name, format);
                let made = self.show(&target)?.and_then(|model| model.record.converted_from);
                if made.is_none_or(|from| from.digest != record.digest) {
                    return Err(not_stored(&target));
                }
                Some(target)
            }
        };
        self.update_record(&record)
    }

    /// All models, by name.
    ///
    /// # Errors
    /// When the store cannot be read at all; single damaged records become findings.
    pub fn list(&self) -> Result<Listing, ModelError> {
        let mut listing = Listing::default();
        for path in self.record_paths()? {
            match Record::read(&path).and_then(verified).and_then(|record| self.load(record)) {
                Ok(model) => listing.models.push(model),
                Err(error @ ModelError::CatalogNameConflict { .. }) => {
                    listing.findings.push(Finding::new(
                        "shadowed-model",
                        error.to_string(),
                        format!("remove {} and pull it under another name", path.display()),
                    ))
                }
                Err(error) => listing.findings.push(Finding::new(
                    "damaged-model",
                    error.to_string(),
                    format!("remove {} and pull the model again", path.display()),
                )),
            }
        }
        listing.models.sort_by(|a, b| a.record.name.cmp(&b.record.name));
        Ok(listing)
    }

    /// Removes a name, what it runs as, and the files that no other name uses.
    ///
    /// # Errors
    /// [`ModelError::NotStored`] for an unknown name; [`ModelError::Locked`] while it is pulled.
    pub fn remove(&self, name: &str) -> Result<Removed, ModelError> {
        let _busy = Lock::acquire(self, name)?;
        let _store = Lock::wait(self)?;
        let record = match self.stored_record(name)? {
            Some(record) => Some(record),
            None => self.record(name)?,
        };
        let record = record.ok_or_else(|| ModelError::NotStored(name.to_owned()))?;
        let mut to_remove = vec![record];
        if let Some(runs_as) = to_remove[0].runs_as.clone() {
            let made_from = to_remove[0].digest.clone();
            let is_conversion = |from: &ConvertedFrom| from.digest == made_from;
            let conversion = self.stored_record(&runs_as)?;
            to_remove.extend(
                conversion.filter(|made| made.converted_from.as_ref().is_some_and(is_conversion)),
            );
        }
        let mut removed = Removed { names: Vec::new(), freed: Bytes::ZERO };
        for record in to_remove {
            let path = self.record_path(&record.name);
            fs::remove_file(&path).map_err(ModelError::io("remove", &path))?;
            if !self.is_used(&record.digest)? {
                for blob in self.blob_paths(&record) {
                    let about = fs::symlink_metadata(&blob);
                    match about.and_then(|about| fs::remove_file(&blob).map(|()| about)) {
                        Ok(about) => removed.freed += Bytes(about.len()),
                        // The record outlived its file: nothing to free.
                        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                        Err(error) => return Err(ModelError::io("remove", &blob)(error)),
                    }
                }
            }
            removed.names.push(record.name);
        }
        Ok(removed)
    }

    /// Gives the complete, validated and hashed files of a model in `partial/` their final names,
    /// and writes its record. What the name stood for before goes, unless another name uses it.
    pub(crate) fn add(
        &self,
        partials: &[PartialFile],
        record: &Record,
    ) -> Result<ModelFile, ModelError> {
        let _store = Lock::wait(self)?;
        self.check_name(&record.name, &record.source)?;
        let record = verified(record.clone())?;
        let before = self.stored_record(&record.name).unwrap_or(None);
        let blobs = self.folder("blobs")?;
        for (partial, blob) in partials.iter().zip(blob_names(&record)) {
            partial.sync()?;
            partial.rename(&blobs.file(blob))?;
            // Renaming onto another link to the same file does nothing, and leaves this one.
            partial.discard();
        }
        blobs.sync()?;
        record.write(&self.folder("names")?)?;
        if let Some(before) = before
            && !self.is_used(&before.digest)?
        {
            for blob in blob_names(&before) {
                blobs.file(blob).discard();
            }
        }
        Ok(self.load(record)?.file)
    }

    /// Replaces a record that exists.
    pub(crate) fn update_record(&self, record: &Record) -> Result<(), ModelError> {
        let _store = Lock::wait(self)?;
        record.write(&self.folder("names")?)
    }

    /// A name belongs to the source that took it, or to the catalog. [`Store::add`] sees to it
    /// that what comes under a name of the catalog is the catalog's, whatever had the name before.
    pub(crate) fn check_name(&self, name: &str, source: &str) -> Result<(), ModelError> {
        if catalog::entry_of(name).is_some() {
            return Ok(());
        }
        match self.stored_record(name)? {
            Some(holder) if holder.source != source => {
                Err(ModelError::NameTaken { name: name.to_owned(), holder: holder.source })
            }
            _ => Ok(()),
        }
    }

    /// Folder for work in progress; made if absent.
    pub(crate) fn partial(&self) -> Result<Folder, ModelError> {
        self.folder("partial")
    }

    fn folder(&self, name: &str) -> Result<Folder, ModelError> {
        Folder::open(&self.root, name)
    }

    fn load(&self, record: Record) -> Result<StoredModel, ModelError> {
        let paths = self.blob_paths(&record);
        require_no_symlink(&self.root.join("blobs"))?;
        paths.iter().try_for_each(|path| require_no_symlink(path))?;
        let files = ModelFiles::read(paths)?;
        let shape = files.shape()?;
        let path = files.paths.into_iter().next().unwrap_or_default();
        let (name, digest) = (record.name.clone(), Some(record.digest.clone()));
        Ok(StoredModel { record, file: ModelFile { name, path, digest, shape } })
    }

    fn is_used(&self, digest: &str) -> Result<bool, ModelError> {
        for path in self.record_paths()? {
            match Record::read(&path) {
                Ok(record) if record.digest != digest => {}
                // A record that cannot be read might name it: keep the file.
                _ => return Ok(true),
            }
        }
        Ok(false)
    }

    fn blob_paths(&self, record: &Record) -> Vec<PathBuf> {
        let blobs = self.root.join("blobs");
        blob_names(record).into_iter().map(|name| blobs.join(name)).collect()
    }

    fn record_path(&self, name: &str) -> PathBuf {
        self.root.join("names").join(record::file_name(name))
    }
}

/// Refuses a link where something of the store's own should be.
fn require_no_symlink(path: &Path) -> Result<(), ModelError> {
    if fs::symlink_metadata(path).is_ok_and(|about| about.is_symlink()) {
        return Err(ModelError::SymbolicLink(path.to_owned()));
    }
    Ok(())
}

/// Names of the files of a model, the first one first.
fn blob_names(record: &Record) -> Vec<String> {
    let (digest, count) = (&record.digest, record.shards.len());
    if count == 0 {
        return vec![format!("sha256-{digest}.gguf")];
    }
    (1..=count).map(|index| format!("sha256-{digest}-{index:05}-of-{count:05}.gguf")).collect()
}

#[cfg(test)]
mod tests;
