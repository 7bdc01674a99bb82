//! Lookup of records by name and source.
//!
//! Invariant: a record with a name of the catalog that is not of the catalog's model is never
//! found.

use std::fs;
use std::path::PathBuf;

use harmonic_types::did_you_mean;

use crate::catalog::{self, CATALOG_NAMES};
use crate::error::ModelError;
use crate::quant;
use crate::shards::ShardName;
use crate::source::{Source, absolute_path};
use crate::store::{Record, Store, require_no_symlink};

impl Store {
    /// The record of a name, of the name of a first shard, or of a source.
    pub(super) fn record(&self, name: &str) -> Result<Option<Record>, ModelError> {
        if let Some(record) = self.named(name)? {
            return Ok(Some(record));
        }
        if let Some(shard) = ShardName::of(name).filter(|shard| shard.index == 1)
            && let Some(record) = self.named(shard.base)?
            && record.shards.len() == shard.count as usize
        {
            return Ok(Some(record));
        }
        let Ok(source) = name.parse::<Source>() else { return Ok(None) };
        let text = match &source {
            Source::Name(_) | Source::Cached { .. } => return Ok(None),
            Source::Path(path) => match absolute_path(path) {
                Ok(path) => path.display().to_string(),
                Err(_) => source.to_string(),
            },
            Source::Hub { .. } | Source::Wheel(_) => source.to_string(),
            Source::Quant { repo, revision, quant } => {
                return self.quantization(repo, revision.as_ref(), quant.as_deref());
            }
        };
        Ok(self.pulled()?.into_iter().find(|record| record.source == text))
    }

    /// The record of a quantisation, among those pulled from the repository.
    fn quantization(
        &self,
        repo: &str,
        revision: Option<&String>,
        quant: Option<&str>,
    ) -> Result<Option<Record>, ModelError> {
        let mut held = Vec::new();
        for record in self.pulled()? {
            if let Ok(Source::Hub { repo: own, revision: at, file }) = record.source.parse()
                && own == repo
                && at.as_ref() == revision
            {
                held.push((file, record));
            }
        }
        let files: Vec<&str> = held.iter().map(|(file, _)| file.as_str()).collect();
        let Ok(file) = quant::select_file(&files, quant) else { return Ok(None) };
        let file = file.to_owned();
        Ok(held.into_iter().find(|(own, _)| *own == file).map(|(_, record)| record))
    }

    /// All records of pulled models, without conversions.
    fn pulled(&self) -> Result<Vec<Record>, ModelError> {
        let records = self.records()?.into_iter();
        Ok(records.filter(|record| record.converted_from.is_none()).collect())
    }

    /// Error of a name that is not stored: it can be pulled, or it resembles one that is stored.
    pub(crate) fn not_stored(&self, name: &str) -> ModelError {
        let can_be_pulled = match name.parse() {
            Ok(Source::Name(_)) => catalog::find(name).is_some(),
            Ok(Source::Hub { .. } | Source::Quant { .. } | Source::Wheel(_)) => true,
            Ok(Source::Path(path)) => path.exists(),
            Ok(Source::Cached { .. }) | Err(_) => false,
        };
        if can_be_pulled {
            return ModelError::NotStored(name.to_owned());
        }
        let stored: Vec<String> =
            self.records().unwrap_or_default().into_iter().map(|record| record.name).collect();
        let meant = did_you_mean(name, stored.iter().map(String::as_str));
        ModelError::NoSuchModel { name: name.to_owned(), meant }
    }

    /// Error of a name that is neither stored nor in the catalog.
    pub fn unknown(&self, name: &str) -> ModelError {
        let stored = self.records().unwrap_or_default().into_iter().map(|record| record.name);
        let stored: Vec<String> = stored.collect();
        let known = CATALOG_NAMES.into_iter().chain(stored.iter().map(String::as_str));
        ModelError::UnknownModel {
            name: name.to_owned(),
            meant: did_you_mean(name, known),
            known: CATALOG_NAMES.join(", "),
        }
    }

    /// All usable records.
    pub(crate) fn records(&self) -> Result<Vec<Record>, ModelError> {
        let paths = self.record_paths()?.into_iter();
        Ok(paths.filter_map(|path| Record::read(&path).and_then(verified).ok()).collect())
    }

    /// The usable record of that name.
    fn named(&self, name: &str) -> Result<Option<Record>, ModelError> {
        match self.stored_record(name)?.map(verified).transpose() {
            Err(ModelError::CatalogNameConflict { .. }) => Ok(None),
            other => other,
        }
    }

    /// The record of that name, usable or not.
    pub(crate) fn stored_record(&self, name: &str) -> Result<Option<Record>, ModelError> {
        require_no_symlink(&self.root.join("names"))?;
        match Record::read(&self.record_path(name)) {
            Ok(record) => Ok(Some(record)),
            Err(ModelError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn record_paths(&self) -> Result<Vec<PathBuf>, ModelError> {
        let folder = self.root.join("names");
        require_no_symlink(&folder)?;
        let listed = match fs::read_dir(&folder) {
            Ok(listed) => listed,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(ModelError::io("list", &folder)(error)),
        };
        let mut paths = Vec::new();
        for entry in listed {
            let path = entry.map_err(ModelError::io("list", &folder))?.path();
            if path.extension().is_some_and(|end| end == "json") {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    }
}

/// `record`, unless it has a name of the catalog but is not of the catalog's model.
pub(super) fn verified(record: Record) -> Result<Record, ModelError> {
    let (name, holder) = (record.name.clone(), record.source.clone());
    match catalog::entry_of(&name) {
        Some(entry) if !entry.matches_record(&record) => {
            Err(ModelError::CatalogNameConflict { name, holder })
        }
        _ => Ok(record),
    }
}
