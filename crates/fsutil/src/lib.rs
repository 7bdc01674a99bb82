//! Small files shared by processes: atomic replacement, updates under a lock, bounded reads.
//!
//! Owns: atomic replacement ([`replace`], [`Staged`]), the advisory lock ([`FileLock`]),
//! read-modify-write ([`update`]), bounded reading ([`read`], [`open_regular`]), and fault-tolerant reading of a
//! folder of documents ([`read_folder`]); files that a user names ([`read_text`]).
//!
//! Invariants:
//! - A reader sees either the complete old content or the complete new content, also after a crash
//!   or `kill -9` at any point; with [`Durability::Synced`] also after a power failure.
//! - Two [`update`]s of one file never overlap, so neither is lost. The lock is on a separate file,
//!   which is never replaced; it is a lock of the operating system, released when its process ends.
//! - But for files that a user names, the last component of a path is never followed as a symbolic link when reading, writing or
//!   locking; and nothing that could block (a pipe, a device) is opened.
//!
//! Does not do: interpret documents, or lock out readers: reading takes no lock.
#![forbid(unsafe_code)]

mod error;
mod folder;
mod input;
mod lock;
mod read;
mod replace;
mod update;

pub use error::FileError;
pub use folder::{Folder, Skipped, read_folder};
pub use input::{open_input, read_text};
pub use lock::FileLock;
pub use read::{MAX_DOCUMENT, open_regular, read};
pub use replace::{Access, Durability, Staged, WriteOptions, replace};
pub use update::update;
