//! Small files that several processes read and write: replaced whole, changed under a lock, read
//! within bounds.
//!
//! Owns: atomic replacement ([`replace`], [`Staged`]), the advisory lock ([`FileLock`]),
//! read-modify-write ([`update`]), bounded reading ([`read`]), and reading a folder of documents
//! in which one is broken ([`read_folder`]).
//!
//! Invariants:
//! - A reader sees the old content or the new one, whole; so does the next process after a crash or
//!   `kill -9` at any point. With [`Durability::Synced`] this holds for a loss of power too.
//! - Two [`update`]s of one file never overlap, so neither is lost. The lock is on a file beside it,
//!   which no replacement takes away; it is the operating system's, so it ends with its process.
//! - The last component of a path is never followed as a symbolic link, neither by reading nor by
//!   writing nor by locking; and nothing is opened that could block (a pipe, a device).
//!
//! Does not do: know any document, or hold readers off: who only reads takes no lock.
#![forbid(unsafe_code)]

mod error;
mod folder;
mod lock;
mod read;
mod replace;
mod update;

pub use error::FileError;
pub use folder::{Folder, Skipped, read_folder};
pub use lock::FileLock;
pub use read::{MAX_DOCUMENT, read};
pub use replace::{Access, Durability, Staged, WriteOptions, replace};
pub use update::update;
