//! API keys of a running server: those currently in the key file.
//!
//! Invariants: a key removed from the file is refused from the next request on; an unreadable or
//! invalid file refuses all keys, because it does not show which were removed; an absent file has
//! no keys. The rate limit of a key keeps its state when other keys change.
//!
//! Does not do: deciding whether requests need a key. That is fixed at the start, so that removing
//! the last key does not give open access.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use harmonic_gateway::{KeySource, Keys, KeysUnreadable};

use crate::error::{self, Result};
use crate::keyring::Keyring;

/// Key source of one file, which is read again whenever it has changed.
#[derive(Debug)]
pub struct WatchedKeys {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// State of the file when it was read; `None` where it was absent.
    stamp: Option<FileStamp>,
    read: Result<Arc<Keys>, KeysUnreadable>,
}

/// State of a file: device and inode, length, modification and change time in nanoseconds, mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileStamp([i128; 5]);

impl FileStamp {
    /// State of the file at `path`; `None` where it is absent.
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
    /// Key source of the file at `path`; `None` where it has no keys, so none is needed.
    ///
    /// # Errors
    /// When the file cannot be read or is invalid.
    pub fn open(path: &Path) -> Result<Option<Self>> {
        let stamp = FileStamp::of(path);
        let keys = Keyring::open(path)?.keys()?;
        Ok(keys.map(|keys| Self {
            path: path.to_owned(),
            state: Mutex::new(State { stamp, read: Ok(Arc::new(keys)) }),
        }))
    }

    /// Reads the file; keys of `previous` keep the state of their rate limits.
    fn read(&self, previous: Option<&Keys>) -> Result<Arc<Keys>, KeysUnreadable> {
        let listed = Keyring::open(&self.path).and_then(|keyring| keyring.api_keys());
        match listed {
            Ok(listed) => {
                tracing::info!(keys = listed.len(), "API keys reloaded");
                Ok(Arc::new(Keys::replacing(previous, listed)))
            }
            Err(error) => {
                tracing::error!(
                    "all keys are refused until the file is repaired: {}",
                    error::one_line(&error)
                );
                Err(KeysUnreadable)
            }
        }
    }
}

impl KeySource for WatchedKeys {
    fn keys(&self) -> Result<Arc<Keys>, KeysUnreadable> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken before the file is read: a change meanwhile is seen at the next request.
        let stamp = FileStamp::of(&self.path);
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
    use crate::keyring::KeyGrants;

    fn keyring(path: &Path) -> Keyring {
        Keyring::open(path).unwrap()
    }

    #[test]
    fn keys_follow_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        assert!(WatchedKeys::open(&path).unwrap().is_none(), "no keys, none needed");
        let laptop = keyring(&path).add("laptop", KeyGrants::default()).unwrap();
        let watched = WatchedKeys::open(&path).unwrap().unwrap();
        let known = |key: &str| watched.keys().map(|keys| keys.contains(key));
        assert_eq!(known(&laptop), Ok(true));

        let phone = keyring(&path).add("phone", KeyGrants::default()).unwrap();
        assert_eq!(known(&phone), Ok(true));
        keyring(&path).remove("laptop").unwrap();
        assert_eq!((known(&laptop), known(&phone)), (Ok(false), Ok(true)));

        // An invalid file refuses all keys.
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, "[[key]\n").unwrap();
        assert_eq!(known(&phone), Err(KeysUnreadable));
        fs::write(&path, text).unwrap();
        assert_eq!(known(&phone), Ok(true));

        keyring(&path).remove("phone").unwrap();
        assert_eq!(known(&phone), Ok(false), "a removed key is refused, also the last one");
        let again = keyring(&path).add("phone", KeyGrants::default()).unwrap();
        assert_eq!((known(&phone), known(&again)), (Ok(false), Ok(true)));
        fs::remove_file(&path).unwrap();
        assert_eq!(known(&again), Ok(false));
    }
}
