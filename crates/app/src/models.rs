//! Models on this machine: inventory, fetching, conversion, removal.

use std::sync::Arc;

pub use harmonic_models::Removed;
use harmonic_models::pull::ConvertAtPull;
use harmonic_models::{
    CatalogEntry, FoundModel, ModelError, Origin, PullOptions, Source, StoredModel, WeightFormat,
    catalog,
};
use harmonic_types::{Bytes, Finding, Hardware, ModelFile};

use crate::engines::LlamaConverter;
use crate::error::{AppError, Result};
use crate::event::{EventAdapter, Observer};
use crate::inspect::hardware;
use crate::settings::Settings;

/// Models on this machine and in the catalog.
#[derive(Clone, Debug)]
pub struct Inventory {
    /// Models in the store.
    pub stored: Vec<StoredModel>,
    /// Catalog entries that are not in the store.
    pub absent: Vec<CatalogEntry>,
    /// Models downloaded by other tools.
    pub elsewhere: Vec<FoundModel>,
    /// Faults of the store.
    pub findings: Vec<Finding>,
}

/// A model, by its location.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum KnownModel {
    /// In the store.
    Stored(StoredModel),
    /// Downloaded by another tool.
    Elsewhere(FoundModel),
    /// In the catalog only.
    Catalog(CatalogEntry),
}

/// A model that a stack needs and this machine does not have.
#[derive(Clone, Debug, PartialEq)]
pub struct MissingModel {
    /// Its name.
    pub name: String,
    /// Upper bound of the download, in bytes; `None` where unknown.
    pub size: Option<Bytes>,
    /// Bytes of it that an interrupted pull has left here.
    pub partial: Bytes,
    /// Disk space that the pull takes while it runs, in all; `None` where unknown.
    pub disk: Option<Bytes>,
    /// Where it comes from.
    pub source: Source,
}

impl MissingModel {
    /// Bytes that remain to be fetched; `None` where unknown.
    pub fn rest(&self) -> Option<Bytes> {
        Some(self.size?.saturating_sub(self.partial))
    }

    /// Disk space that the pull still takes; `None` where unknown.
    pub fn disk_needed(&self) -> Option<Bytes> {
        Some(self.disk?.saturating_sub(self.partial))
    }
}

/// Lists the models on this machine and in the catalog.
///
/// # Errors
/// When the store or a cache cannot be read.
pub fn inventory(settings: &Settings) -> Result<Inventory> {
    let listing = settings.store.list()?;
    let is_here =
        |entry: &CatalogEntry| listing.models.iter().any(|model| model.record.name == entry.name);
    let absent = catalog::entries().into_iter().filter(|entry| !is_here(entry)).collect();
    let elsewhere = harmonic_models::list_cached(&settings.store, &settings.caches)?;
    Ok(Inventory { stored: listing.models, absent, elsewhere, findings: listing.findings })
}

/// Finds the model `name`.
///
/// # Errors
/// When the name is unknown.
pub fn find(name: &str, settings: &Settings) -> Result<KnownModel> {
    if let Some(model) = settings.store.show(name)? {
        return Ok(KnownModel::Stored(model));
    }
    if let Some(found) = harmonic_models::find_cached(&settings.store, &settings.caches, name)? {
        return Ok(KnownModel::Elsewhere(found));
    }
    match catalog::find(name) {
        Some(entry) => Ok(KnownModel::Catalog(entry)),
        None => Err(settings.store.unknown(name).into()),
    }
}

/// Fetches `source` into the store, under `name` if given.
///
/// # Errors
/// When it cannot be fetched.
pub async fn pull(
    source: &Source,
    name: Option<String>,
    settings: &Settings,
    observer: &dyn Observer,
) -> Result<ModelFile> {
    let options = PullOptions { name, ..pull_options(settings, &hardware()?) };
    let adapter = EventAdapter(observer);
    Ok(harmonic_models::pull(&settings.store, source, &options, &adapter).await?)
}

/// Writes the stored model `name` in another weight format.
///
/// # Errors
/// When it is not stored or cannot be converted.
pub async fn convert(
    name: &str,
    to: WeightFormat,
    settings: &Settings,
    observer: &dyn Observer,
) -> Result<ModelFile> {
    let quantizer = converter(&hardware()?).quantizer;
    let adapter = EventAdapter(observer);
    Ok(harmonic_models::convert(&settings.store, name, to, quantizer, &adapter).await?)
}

/// Deletes the model `name` from the store.
///
/// # Errors
/// When it is not there, or cannot be deleted.
pub fn remove(name: &str, settings: &Settings) -> Result<Removed> {
    let removed = settings.store.remove(name);
    if let Err(ModelError::NoSuchModel { .. }) = &removed
        && let Ok(Some(found)) =
            harmonic_models::find_cached(&settings.store, &settings.caches, name)
    {
        let path = found.file.path.display();
        let what = format!("the model `{name}` is not in the store: another tool's is {path}");
        return Err(AppError::refused(what, "remove it with that tool"));
    }
    Ok(removed?)
}

/// Models of these `names` that are not on this machine.
///
/// # Errors
/// When a model is unknown.
pub fn missing<'n>(
    names: impl IntoIterator<Item = &'n str>,
    settings: &Settings,
) -> Result<Vec<MissingModel>> {
    let mut missing = Vec::new();
    for model in names {
        if harmonic_models::locate(&settings.store, &settings.caches, model)?.is_none() {
            let source = source(model, settings)?;
            missing.push(MissingModel {
                name: model.to_owned(),
                size: bound(&source, |origin| origin.download.max(origin.size)),
                partial: harmonic_models::partial_bytes(&settings.store, &source),
                disk: bound(&source, Origin::disk_needed),
                source,
            });
        }
    }
    Ok(missing)
}

/// Fetches the missing models, one after the other.
///
/// # Errors
/// When one cannot be fetched.
pub async fn fetch(
    missing: &[MissingModel],
    hardware: &Hardware,
    settings: &Settings,
    observer: &dyn Observer,
) -> Result<()> {
    let options = pull_options(settings, hardware);
    for MissingModel { source, .. } in missing {
        let adapter = EventAdapter(observer);
        harmonic_models::pull(&settings.store, source, &options, &adapter).await?;
    }
    Ok(())
}

/// Source of a model; refuses a name that the catalog does not have.
fn source(model: &str, settings: &Settings) -> Result<Source, ModelError> {
    let source: Source = model.parse()?;
    let is_unknown = match &source {
        Source::Name(name) => catalog::find(name).is_none(),
        // A cached model would have been found.
        Source::Cached { .. } => true,
        _ => false,
    };
    if is_unknown { Err(settings.store.unknown(&source.to_string())) } else { Ok(source) }
}

/// Checks that `model` is on this machine, or that its name says where it can be fetched.
///
/// # Errors
/// When it is unknown, or a file that does not exist.
pub(crate) fn check_known(model: &str, settings: &Settings) -> Result<(), ModelError> {
    if catalog::find(model).is_some() {
        return Ok(());
    }
    // A damaged file has an error of its own when it is used.
    if !matches!(harmonic_models::locate(&settings.store, &settings.caches, model), Ok(None)) {
        return Ok(());
    }
    match source(model, settings)? {
        Source::Path(path) if !path.exists() => Err(ModelError::Missing(path)),
        _ => Ok(()),
    }
}

/// Largest `figure` of the sources, in bytes; zero for this disk, `None` where unknown.
fn bound(source: &Source, figure: impl Fn(&Origin) -> Option<Bytes>) -> Option<Bytes> {
    match source {
        Source::Path(_) | Source::Cached { .. } => Some(Bytes::ZERO),
        Source::Hub { .. } | Source::Quant { .. } | Source::Wheel(_) => None,
        Source::Name(name) => catalog::find(name)?.origins.iter().map(figure).max().flatten(),
    }
}

/// Pull options on this machine.
pub(crate) fn pull_options(settings: &Settings, hardware: &Hardware) -> PullOptions {
    PullOptions { convert: Some(converter(hardware)), ..settings.pull.clone() }
}

/// Converter of models on this machine, and meter of its loss.
pub(crate) fn converter(hardware: &Hardware) -> ConvertAtPull {
    let features = hardware.devices.iter().flat_map(|device| device.features.clone()).collect();
    let converter = Arc::new(LlamaConverter { threads: hardware.cpu_threads() });
    ConvertAtPull { quantizer: converter.clone(), meter: converter, features }
}
