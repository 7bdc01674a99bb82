//! The content-addressed store: files `blobs/sha256-<hex>.gguf`, or for a model in several files
//! `blobs/sha256-<hex>-00001-of-00003.gguf` and so on, as required by llama.cpp; and records in
//! `names/`.
//!
//! Invariants: a file in `blobs/` is complete, readable GGUF with the digest in its name (for
//! several files, the digest of their digests); a record is written atomically, after its blob; a
//! blob is removed with its last record. Work in progress is in `partial/`, locks are in `locks/`,
//! files of data that are no models in `data/`, each named by its digest.
//! A name of the catalog is only used for the catalog's model: a record with another source or
//! digest is neither used ([`ModelError::CatalogNameConflict`]) nor written. A blob without a
//! record is never used.
//!
//! Does not do: download (`pull`), choose its root (the caller passes it in).

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
pub use space::DiskSpace;

/// Default root of the store, in the user's data folder (`$XDG_DATA_HOME`).
pub fn default_root(data_home: &Path) -> PathBuf {
    data_home.join("harmonic").join("models")
}

/// A store below one root. Cheap to clone; keeps no file open.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

/// One model of the store.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredModel {
    /// Its record.
    pub record: Record,
    /// The file, with the shape from its header.
    pub file: ModelFile,
}

/// Content of the store.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    /// Usable models, by name.
    pub models: Vec<StoredModel>,
    /// Unusable records, each with its remedy.
    pub findings: Vec<Finding>,
}

/// Result of a removal.
#[derive(Clone, Debug, PartialEq)]
pub struct Removed {
    /// Removed names: the requested one, and the conversion that it ran as.
    pub names: Vec<String>,
    /// Freed space.
    pub freed: Bytes,
    /// Names whose models have the same files, which therefore stay.
    pub shared_with: Vec<String>,
}

impl Store {
    /// The store below `root`; its folders are created on the first write.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The root folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Disk space available to this user, on the disk of the (future) folders.
    ///
    /// # Errors
    /// If the disk cannot be queried.
    pub fn free(&self) -> Result<Bytes, ModelError> {
        self.space().map(|space| space.free)
    }

    /// Space on the disk of the (future) folders.
    ///
    /// # Errors
    /// If the disk cannot be queried.
    pub fn space(&self) -> Result<DiskSpace, ModelError> {
        let folder = self.root.ancestors().find(|folder| folder.exists());
        DiskSpace::of(folder.unwrap_or(Path::new(".")))
    }

    /// Length of a file in `partial/`; zero if there is none.
    pub(crate) fn partial_length(&self, name: &str) -> u64 {
        let about = fs::symlink_metadata(self.root.join("partial").join(name));
        about.map_or(0, |about| if about.is_file() { about.len() } else { 0 })
    }

    /// The model file that `name` runs as: its chosen conversion, or the original file. `name` may
    /// also be a source (`hf:…`, a path).
    ///
    /// The returned [`ModelFile::name`] is the name of the record.
    ///
    /// # Errors
    /// If the record or its file is damaged. An unknown name is `Ok(None)`.
    pub fn find(&self, name: &str) -> Result<Option<ModelFile>, ModelError> {
        let Some(original) = self.show(name)? else { return Ok(None) };
        let Some(runs_as) = &original.record.runs_as else { return Ok(Some(original.file)) };
        // Only a conversion of exactly this file, not another model named by the record.
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

    /// The model of that record, not of its conversion.
    ///
    /// # Errors
    /// As [`Store::find`].
    pub fn show(&self, name: &str) -> Result<Option<StoredModel>, ModelError> {
        match self.record(name)? {
            Some(record) => self.load(record).map(Some),
            None => Ok(None),
        }
    }

    /// Makes `name` run as its stored conversion to `format`, or as the original for `None`.
    ///
    /// # Errors
    /// [`ModelError::NotStored`] if there is no such model or conversion.
    pub fn run_as(&self, name: &str, format: Option<WeightFormat>) -> Result<(), ModelError> {
        let not_stored = |name: &str| self.not_stored(name);
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
    /// If the store cannot be read; single damaged records become findings.
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
                    ));
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

    /// Removes a name, the conversion that it runs as, and files without other names.
    ///
    /// # Errors
    /// [`ModelError::NotStored`] or [`ModelError::NoSuchModel`] for a name that is not there;
    /// [`ModelError::Locked`] while it is pulled.
    pub fn remove(&self, name: &str) -> Result<Removed, ModelError> {
        // Before a lock of that name is written.
        self.removable(name)?;
        let _busy = Lock::acquire(self, name)?;
        let _store = Lock::wait(self)?;
        let record = self.removable(name)?;
        let mut to_remove = vec![record];
        if let Some(runs_as) = to_remove[0].runs_as.clone() {
            let made_from = to_remove[0].digest.clone();
            let is_conversion = |from: &ConvertedFrom| from.digest == made_from;
            let conversion = self.stored_record(&runs_as)?;
            to_remove.extend(
                conversion.filter(|made| made.converted_from.as_ref().is_some_and(is_conversion)),
            );
        }
        let mut removed =
            Removed { names: Vec::new(), freed: Bytes::ZERO, shared_with: Vec::new() };
        for record in to_remove {
            let path = self.record_path(&record.name);
            fs::remove_file(&path).map_err(ModelError::io("remove", &path))?;
            let users = self.users(&record.digest)?;
            if users.is_empty() {
                for blob in self.blob_paths(&record) {
                    let about = fs::symlink_metadata(&blob);
                    match about.and_then(|about| fs::remove_file(&blob).map(|()| about)) {
                        Ok(about) => removed.freed += Bytes(about.len()),
                        // The file is already absent.
                        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                        Err(error) => return Err(ModelError::io("remove", &blob)(error)),
                    }
                }
            }
            removed.names.push(record.name);
            removed.shared_with.extend(users);
        }
        removed.shared_with.retain(|name| !removed.names.contains(name));
        Ok(removed)
    }

    /// The record that [`Store::remove`] removes, usable or not.
    fn removable(&self, name: &str) -> Result<Record, ModelError> {
        let record = match self.stored_record(name)? {
            Some(record) => Some(record),
            None => self.record(name)?,
        };
        record.ok_or_else(|| self.not_stored(name))
    }

    /// Moves the complete, verified files of a model from `partial/` to their final names, and
    /// writes its record. A former model of that name is removed, unless another name uses it.
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
            // Renaming onto another hard link of the same file has no effect, so this one is
            // removed.
            partial.discard();
        }
        blobs.sync()?;
        record.write(&self.folder("names")?)?;
        if let Some(before) = before
            && self.users(&before.digest)?.is_empty()
        {
            for blob in blob_names(&before) {
                blobs.file(blob).discard();
            }
        }
        Ok(self.load(record)?.file)
    }

    /// Replaces an existing record.
    pub(crate) fn update_record(&self, record: &Record) -> Result<(), ModelError> {
        let _store = Lock::wait(self)?;
        record.write(&self.folder("names")?)
    }

    /// Rejects a name in use by another source. For names of the catalog, [`Store::add`] verifies
    /// the record and replaces any other model.
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

    /// Folder for work in progress; created if absent.
    pub(crate) fn partial(&self) -> Result<Folder, ModelError> {
        self.folder("partial")
    }

    /// Folder of files that are no models; created if absent.
    pub(crate) fn data(&self) -> Result<Folder, ModelError> {
        self.folder("data")
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

    /// Names of the models with the files of that digest. An unreadable record might be one of
    /// them, and is named by its path.
    fn users(&self, digest: &str) -> Result<Vec<String>, ModelError> {
        let users = self.record_paths()?.into_iter().filter_map(|path| match Record::read(&path) {
            Ok(record) => (record.digest == digest).then_some(record.name),
            Err(_) => Some(path.display().to_string()),
        });
        Ok(users.collect())
    }

    fn blob_paths(&self, record: &Record) -> Vec<PathBuf> {
        let blobs = self.root.join("blobs");
        blob_names(record).into_iter().map(|name| blobs.join(name)).collect()
    }

    fn record_path(&self, name: &str) -> PathBuf {
        self.root.join("names").join(record::file_name(name))
    }
}

/// Rejects a symbolic link inside the store.
fn require_no_symlink(path: &Path) -> Result<(), ModelError> {
    if fs::symlink_metadata(path).is_ok_and(|about| about.is_symlink()) {
        return Err(ModelError::SymbolicLink(path.to_owned()));
    }
    Ok(())
}

/// Names of the files of a model, in order.
fn blob_names(record: &Record) -> Vec<String> {
    let (digest, count) = (&record.digest, record.shards.len());
    if count == 0 {
        return vec![format!("sha256-{digest}.gguf")];
    }
    (1..=count).map(|index| format!("sha256-{digest}-{index:05}-of-{count:05}.gguf")).collect()
}

#[cfg(test)]
mod tests;
