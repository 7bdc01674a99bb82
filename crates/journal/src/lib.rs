//! Journals of runs: what a run did, so that it goes on after its process or machine has ended.
//!
//! Owns: the folder of runs ([`Store`]), one writer for each run ([`Journal`]), reading what was
//! written ([`Recovered`]), artifacts by their content ([`ArtifactId`]), ids of runs ([`RunIds`]).
//!
//! A store is a folder with one folder for each run:
//!
//! | file | content |
//! |---|---|
//! | `journal.jsonl` | the header, then one line for each entry; only ever appended to |
//! | `synced` | how many of its bytes are known to be on the device |
//! | `summary.json` | what a list of runs shows; replaced whole |
//! | `artifacts/SHA256` | artifacts, each named after its content |
//! | `lock` | held by the writer, with the id of its process |
//!
//! Every line of `journal.jsonl` is a JSON object, written compactly and in this order:
//!
//! ```text
//! {"schema":"harmonic.journal/1","run":"run_…","owner":"…","started_ms":…,"sum":"…"}
//! {"n":1,"ms":12,"len":17,"entry":{"kind":"started"},"sum":"…"}
//! ```
//!
//! `n` counts entries from 1, `ms` is the time of the entry since the start of the run, `len` the
//! bytes of `entry`, `sum` the first 16 bytes of the SHA-256 of the run's id, a line feed, and the
//! line before `,"sum"`, in hexadecimal.
//!
//! Invariants:
//! - An entry that was appended with [`Durability::Synced`] is there after the end of the process
//!   or the machine at any point. Bytes that are damaged below the mark of `synced`, or before a
//!   valid line, are an error, and nothing is changed. What lies beyond is the rest of an append
//!   that never returned: it is cut.
//! - An append that fails leaves no part of its line, or the journal takes no further one: no line
//!   is ever written after a fragment.
//! - Files have mode 0600 and folders 0700, whatever the umask. Below the root no symbolic link is
//!   followed. Every file is read up to a limit ([`Limits`]).
//! - A journal is created whole, with its header, or not at all.
//!
//! Does not do: know what entries mean, read a clock, make random numbers.
#![forbid(unsafe_code)]

mod artifacts;
mod error;
mod folder;
mod header;
mod id;
mod journal;
mod limits;
mod line;
mod lock;
mod recovery;
mod store;
mod summary;
mod synced;

pub use artifacts::{ArtifactId, InvalidArtifactId};
pub use error::JournalError;
pub use header::Header;
pub use id::{RunIds, is_run_id};
pub use journal::{Durability, Journal};
pub use limits::Limits;
pub use recovery::{Cut, Entry, Recovered, recover};
pub use store::{Kept, Listing, RunListing, Store};
pub use summary::RunSummary;
