//! Models: the catalog, the GGUF header reader, the store, pulling, converting, and finding what
//! other tools have already downloaded.
//!
//! Invariants: nothing has a final name in the store before it was read as GGUF, found complete
//! and hashed; no bytes of any file can make the header reader panic or allocate without bound;
//! every pull of one target holds that target's lock.
//!
//! Does not do: reading the environment (the caller passes roots, endpoints and tokens in),
//! printing (progress and notes go through [`Progress`]), computing with weights (the caller
//! gives a [`Quantizer`] and a [`DivergenceMeter`]).
#![forbid(unsafe_code)]

pub mod catalog;
pub mod convert;
pub mod discover;
pub mod divergence;
pub mod error;
pub mod format;
pub mod gguf;
pub mod name;
pub mod progress;
pub mod pull;
pub mod source;
pub mod store;
pub mod synthetic;

mod worker;

pub use catalog::{CATALOG_NAMES, CatalogEntry, DeclaredFigures, Origin};
pub use convert::{Quantizer, convert, converted_name};
pub use discover::{Cache, CacheRoots, FoundModel, discover};
pub use divergence::{DIVERGENCE_BOUND, DivergenceMeter, conversion_divergence, is_faithful};
pub use error::ModelError;
pub use format::{WeightFormat, starter_format};
pub use progress::{Progress, Silent};
pub use pull::{ConvertAtPull, PullOptions, pull};
pub use source::{Source, WheelPart};
pub use store::{Listing, Record, Removed, Store, StoredModel, default_root};
