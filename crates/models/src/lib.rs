//! Models: the catalog, the GGUF header reader, the store, download, conversion of weights and of
//! published checkpoints, and discovery in the caches of other tools.
//!
//! Invariants: a file gets its final name in the store only after its header, length and hash have
//! been verified; no content of a file can make the header reader panic or allocate without bound;
//! every pull of a target holds that target's lock.
//!
//! Does not do: read the environment (the caller passes roots, endpoints and tokens in), print
//! (progress and notes go through [`Progress`]), compute with weights (the caller passes a
//! [`Quantizer`] and a [`DivergenceMeter`] in).
#![forbid(unsafe_code)]

pub mod catalog;
pub mod convert;
pub mod discover;
pub mod divergence;
pub mod error;
pub mod format;
pub mod gguf;
pub mod locate;
pub mod name;
pub mod progress;
pub mod pull;
pub mod shards;
pub mod source;
pub mod store;
pub mod synthetic;

mod checkpoint;
mod hub_address;
mod quant;
mod worker;

pub use catalog::{CATALOG_NAMES, CatalogEntry, DeclaredFigures, Origin};
pub use convert::{Quantizer, convert, converted_name};
pub use discover::{Cache, CacheRoots, FoundModel};
pub use divergence::{
    DIVERGENCE_BOUND, DivergenceMeter, conversion_divergence, is_faithful, measure_kv_divergence,
};
pub use error::ModelError;
pub use format::{WeightFormat, starter_format};
pub use locate::{find_cached, list_cached, locate};
pub use progress::{NoProgress, Progress};
pub use pull::data::fetch_data;
pub use pull::preview::{MeasuredRate, measure_rate, partial_bytes, stated_size};
pub use pull::{ConvertAtPull, PullOptions, pull};
pub use shards::ModelFiles;
pub use source::{Source, WheelPart};
pub use store::{DiskSpace, Listing, Record, Removed, Store, StoredModel, default_root};
