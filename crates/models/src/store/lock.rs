//! Locks that prevent two processes (or tasks) from working on the same target.
//!
//! Invariant: the lock is one of the operating system on an open file, released when its process
//! ends in any way. Lock files are never removed, as otherwise two processes could hold the lock.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::PathBuf;

use crate::error::ModelError;
use crate::store::{Store, record, space};

/// A lock, held until dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Acquires the lock on a target; fails if it is held.
    pub(crate) fn acquire(store: &Store, target: &str) -> Result<Self, ModelError> {
        let (mut file, path) = open(store, &record::file_stem(target))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let read = file.read_to_string(&mut holder);
                let holder = match holder.trim() {
                    pid if read.is_ok() && !pid.is_empty() => format!("process {pid}"),
                    _ => "another process".to_owned(),
                };
                return Err(ModelError::Locked { target: target.to_owned(), holder });
            }
            Err(TryLockError::Error(error)) => return Err(ModelError::io("lock", &path)(error)),
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(|error| space::write_error(target, &path, None, error))?;
        Ok(Self { _file: file })
    }

    /// Acquires the lock on the records; blocks, as it is held only for a few renames.
    pub(crate) fn wait(store: &Store) -> Result<Self, ModelError> {
        let (file, path) = open(store, "%records")?;
        file.lock().map_err(ModelError::io("lock", &path))?;
        Ok(Self { _file: file })
    }
}

fn open(store: &Store, stem: &str) -> Result<(File, PathBuf), ModelError> {
    // File names have at most 255 bytes; a truncated stem may share a lock, which is safe.
    let stem: String = stem.chars().take(200).collect();
    let lock = store.folder("locks")?.file(format!("{stem}.lock"));
    Ok((lock.open()?, lock.path().to_owned()))
}
