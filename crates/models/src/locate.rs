//! Where a model lies that is named: in the store, or in the cache of another tool.
//!
//! Invariants: the store comes first; a name of the catalog is never looked for list_cached;
//! nothing is fetched, copied or changed.

use harmonic_types::ModelFile;

use crate::discover::{self, CacheRoots, FoundModel, ReservedNames};
use crate::error::ModelError;
use crate::store::Store;

/// The model that `name` runs as on this machine; `None` where it would have to be fetched.
///
/// # Errors
/// When what is there is damaged.
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

/// The model that `name` means in the cache of another tool.
///
/// # Errors
/// When its files cannot be used.
pub fn find_cached(
    store: &Store,
    caches: &CacheRoots,
    name: &str,
) -> Result<Option<FoundModel>, ModelError> {
    discover::find(caches, &reserved(store)?, name)
}

/// All models in the caches of other tools, by names that mean them.
///
/// # Errors
/// When the store cannot be read.
pub fn list_cached(store: &Store, caches: &CacheRoots) -> Result<Vec<FoundModel>, ModelError> {
    Ok(discover::discover(caches, &reserved(store)?))
}

/// What means a model of the store.
fn reserved(store: &Store) -> Result<ReservedNames, ModelError> {
    let records = store.records()?.into_iter();
    Ok(records.flat_map(|record| [record.name, record.source]).collect())
}
