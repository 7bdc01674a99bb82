//! The keys that a running server lets in: those that the file has at this moment.
//!
//! Invariants: a key that was taken out of the file lets nobody in any more, from the next request
//! on; a file that cannot be read or understood lets in nobody at all, because it does not say which
//! keys were taken out; a file that is gone has no keys. What a key has used of its minute is kept
//! when others change.
//!
//! Does not do: decide whether a key is needed. That stands when the server starts, so that removing
//! the last key does not open the door.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use harmonic_gateway::{KeySource, Keys, KeysUnreadable};

use crate::error::{self, Result};
use crate::keyring::Keyring;

/// The keys of one file, read again whenever the file has changed.
#[derive(Debug)]
pub struct WatchedKeys {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Of the file that was read.
    stamp: Option<Stamp>,
    read: Result<Arc<Keys>, KeysUnreadable>,
}

/// What tells one state of a file from another: device and number, length, times of the last change
/// of what it holds and of what it is, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp([i128; 5]);

impl Stamp {
    /// Of the file at `path`; `None` where there is none.
    fn of(path: &Path) -> Option<Self> {
        let file = fs::metadata(path).ok()?;
        let time = |seconds: i64, nanoseconds: i64| {
            i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds)
        };
        Some(Self([
            i128::from(file.dev()) << 64 | i128::from(file.ino()),
            i128::from(file.len()),
            time(file.mtime(), file.mtime_nsec()),
            time(file.ctime(), file.ctime_nsec()),
            i128::from(file.mode()),
        ]))
    }
}

impl WatchedKeys {
    /// The keys of the file at `path`; `None` where it has none, so that none is needed.
    ///
    /// # Errors
    /// When it cannot be read, or is no file of keys.
    pub fn open(path: &Path) -> Result<Option<Self>> {
        let stamp = Stamp::of(path);
        let keys = Keyring::open(path)?.keys()?;
        Ok(keys.map(|keys| Self {
            path: path.to_owned(),
            state: Mutex::new(State { stamp, read: Ok(Arc::new(keys)) }),
        }))
    }

    /// The keys of the file as it is now, with what `before` knows of their use.
    fn read(&self, before: Option<&Keys>) -> Result<Arc<Keys>, KeysUnreadable> {
        let listed = Keyring::open(&self.path).and_then(|ring| ring.listed());
        match listed {
            Ok(listed) => {
                tracing::info!(keys = listed.len(), "the API keys have changed");
                Ok(Arc::new(Keys::after(before, listed)))
            }
            Err(error) => {
                tracing::error!("no key lets in until this is mended: {}", error::line(&error));
                Err(KeysUnreadable)
            }
        }
    }
}

impl KeySource for WatchedKeys {
    fn keys(&self) -> Result<Arc<Keys>, KeysUnreadable> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Before it is read: what changes meanwhile is seen the next time.
        let stamp = Stamp::of(&self.path);
        if stamp != state.stamp {
            state.read = self.read(state.read.as_deref().ok());
            state.stamp = stamp;
        }
        state.read.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(path: &Path) -> Keyring {
        Keyring::open(path).unwrap()
    }

    #[test]
    fn keys_are_those_of_the_file_at_each_moment() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        assert!(WatchedKeys::open(&path).unwrap().is_none(), "no keys, none needed");
        let laptop = ring(&path).add("laptop", None).unwrap();
        let watched = WatchedKeys::open(&path).unwrap().unwrap();
        let known = |key: &str| watched.keys().map(|keys| keys.knows(key));
        assert_eq!(known(&laptop), Ok(true));

        let phone = ring(&path).add("phone", None).unwrap();
        assert_eq!(known(&phone), Ok(true));
        ring(&path).remove("laptop").unwrap();
        assert_eq!((known(&laptop), known(&phone)), (Ok(false), Ok(true)));

        // A file that says nothing says of no key that it may still be used.
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, "[[key]\n").unwrap();
        assert_eq!(known(&phone), Err(KeysUnreadable));
        fs::write(&path, text).unwrap();
        assert_eq!(known(&phone), Ok(true));

        ring(&path).remove("phone").unwrap();
        assert_eq!(known(&phone), Ok(false), "the last key opens no door");
        let again = ring(&path).add("phone", None).unwrap();
        assert_eq!((known(&phone), known(&again)), (Ok(false), Ok(true)));
        fs::remove_file(&path).unwrap();
        assert_eq!(known(&again), Ok(false));
    }
}
