//! Lookup of a model by name, in the store and in the caches of other tools.
//!
//! Invariants: the store has precedence; names of the catalog are looked up only in the store;
//! nothing is downloaded, copied or changed.

use harmonic_types::ModelFile;

use crate::discover::{self, CacheRoots, FoundModel, ReservedNames};
use crate::error::ModelError;
use crate::store::Store;

/// The model file that `name` runs as on this machine; `None` if it would have to be downloaded.
///
/// # Errors
/// If the file is damaged.
pub fn locate(
    store: &Store,
    caches: &CacheRoots,
    name: &str,
) -> Result<Option<ModelFile>, ModelError> {
    match store.find(name)? {
        Some(file) => Ok(Some(file)),
        None => Ok(find_cached(store, caches, name)?.map(|found| found.file)),
    }
}

/// The model named `name` in the cache of another tool.
///
/// # Errors
/// If its files cannot be used.
pub fn find_cached(
    store: &Store,
    caches: &CacheRoots,
    name: &str,
) -> Result<Option<FoundModel>, ModelError> {
    discover::find(caches, &reserved(store)?, name)
}

/// All models in the caches of other tools, with unambiguous names.
///
/// # Errors
/// If the store cannot be read.
pub fn list_cached(store: &Store, caches: &CacheRoots) -> Result<Vec<FoundModel>, ModelError> {
    Ok(discover::discover(caches, &reserved(store)?))
}

/// Names and sources of the models in the store.
fn reserved(store: &Store) -> Result<ReservedNames, ModelError> {
    let records = store.records()?.into_iter();
    Ok(records.flat_map(|record| [record.name, record.source]).collect())
}
