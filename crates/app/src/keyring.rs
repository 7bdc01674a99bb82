//! The API keys of this machine's owner, in `keys.toml`.
//!
//! Invariants: the file has fingerprints, never keys; only its owner may read it; it is replaced
//! whole, so a reader sees the old one or the new one; a change is made to what is in the file at
//! that time, under its lock, so that none is lost and no removed key comes back.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::{fs, io};

use harmonic_fsutil::{WriteOptions, update};
use harmonic_gateway::{ApiKey, Fingerprint, Keys};
use serde::{Deserialize, Serialize};

use crate::error::{AppError, Result};

/// What a key begins with, so that one in the wrong place is known for what it is.
const PREFIX: &str = "hs-";
/// Random bytes of a key.
const KEY_BYTES: usize = 32;

/// What the file has of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyEntry {
    /// Whose it is.
    pub name: String,
    /// SHA-256 of the key, in lower-case hex.
    sha256: String,
    /// Requests that it lets in a minute; absent for no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_minute: Option<NonZeroU32>,
}

/// The file as it is written.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default, rename = "key")]
    keys: Vec<KeyEntry>,
}

/// The keys of one file.
#[derive(Debug)]
pub struct Keyring {
    path: PathBuf,
    entries: Vec<KeyEntry>,
}

impl Keyring {
    /// Reads the file at `path`; none is an empty ring.
    ///
    /// # Errors
    /// When it cannot be read, or is no file of keys.
    pub fn open(path: &Path) -> Result<Self> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                let doing = format!("cannot read the API keys in {}", path.display());
                return Err(AppError::doing(doing)(error));
            }
        };
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self> {
        let written: Written = toml::from_str(text)
            .map_err(AppError::doing(format!("{} is no file of API keys", path.display())))?;
        let ring = Self { path: path.to_owned(), entries: written.keys };
        // What is wrong is said before a server would refuse everybody.
        ring.entries.iter().try_for_each(|entry| ring.fingerprint(entry).map(drop))?;
        Ok(ring)
    }

    /// The keys, in the order in which they were added.
    pub fn entries(&self) -> &[KeyEntry] {
        &self.entries
    }

    /// What a server checks requests against; `None` where there are no keys.
    ///
    /// # Errors
    /// When a fingerprint in the file is none.
    pub fn keys(&self) -> Result<Option<Keys>> {
        let keys = self.listed()?;
        Ok((!keys.is_empty()).then(|| Keys::new(keys)))
    }

    /// The keys as a server has them.
    ///
    /// # Errors
    /// When a fingerprint in the file is none.
    pub fn listed(&self) -> Result<Vec<ApiKey>> {
        let key = |entry: &KeyEntry| {
            Ok::<_, AppError>(ApiKey {
                name: entry.name.clone(),
                fingerprint: self.fingerprint(entry)?,
                per_minute: entry.per_minute,
            })
        };
        self.entries.iter().map(key).collect()
    }

    /// Makes a key and writes down its fingerprint. The key itself is nowhere but in the result.
    ///
    /// # Errors
    /// When the name is taken, or the file cannot be written.
    pub fn add(&mut self, name: &str, per_minute: Option<NonZeroU32>) -> Result<String> {
        if name.is_empty() || name.chars().any(char::is_control) {
            let hint = "say whose it is, such as `laptop`";
            return Err(AppError::refused(format!("{name:?} is no name for a key"), hint));
        }
        let mut secret = [0; KEY_BYTES];
        getrandom::fill(&mut secret)
            .map_err(AppError::doing("the system gives no random bytes"))?;
        let key = format!("{PREFIX}{}", hex::encode(secret));
        let sha256 = hex::encode(Fingerprint::of(&key).0);
        self.change(|entries| {
            if entries.iter().any(|entry| entry.name == name) {
                let hint = format!("choose another name, or `harmonic keys rm {name}` first");
                return Err(AppError::refused(format!("there is a key `{name}` already"), hint));
            }
            entries.push(KeyEntry { name: name.to_owned(), sha256, per_minute });
            Ok(())
        })?;
        Ok(key)
    }

    /// Forgets the key called `name`.
    ///
    /// # Errors
    /// When there is none, or the file cannot be written.
    pub fn remove(&mut self, name: &str) -> Result<()> {
        self.change(|entries| {
            let before = entries.len();
            entries.retain(|entry| entry.name != name);
            if entries.len() < before {
                return Ok(());
            }
            let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
            let hint = match names.as_slice() {
                [] => "there are no keys at all".to_owned(),
                names => format!("there are {}", names.join(", ")),
            };
            Err(AppError::refused(format!("there is no key `{name}`"), hint))
        })
    }

    /// Changes what is in the file now, which others may have changed since it was opened.
    fn change(&mut self, change: impl FnOnce(&mut Vec<KeyEntry>) -> Result<()>) -> Result<()> {
        let path = self.path.clone();
        let changed: Result<Self> = update(&path, WriteOptions::SECRET, |bytes| {
            let text = std::str::from_utf8(bytes.unwrap_or_default())
                .map_err(AppError::doing(format!("{} is no file of API keys", path.display())))?;
            let mut ring = Self::parse(&path, text)?;
            change(&mut ring.entries)?;
            let written = Written { keys: ring.entries.clone() };
            let text = toml::to_string(&written)
                .map_err(AppError::doing("the API keys cannot be written as TOML"))?;
            Ok((Some(text.into_bytes()), ring))
        });
        *self = changed?;
        Ok(())
    }

    fn fingerprint(&self, entry: &KeyEntry) -> Result<Fingerprint> {
        let mut digest = [0; 32];
        hex::decode_to_slice(&entry.sha256, &mut digest).map_err(|_| {
            let path = self.path.display();
            let what = format!("the key `{}` in {path} has no SHA-256 of 64 digits", entry.name);
            AppError::refused(what, "remove it from the file, and `harmonic keys add` another")
        })?;
        Ok(Fingerprint(digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_written_and_read_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        let key = Keyring::open(&path).unwrap().add("laptop", None).unwrap();
        let listed = Keyring::open(&path).unwrap().listed().unwrap();
        let read: Vec<_> = listed.into_iter().map(|key| key.fingerprint).collect();
        assert_eq!(read, [Fingerprint::of(&key)]);
    }

    #[test]
    fn a_file_with_no_whole_fingerprint_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        for digits in ["abcd".to_owned(), "0".repeat(65), "x".repeat(64)] {
            fs::write(&path, format!("[[key]]\nname = \"laptop\"\nsha256 = \"{digits}\"\n"))
                .unwrap();
            let error = Keyring::open(&path).unwrap_err().to_string();
            assert!(error.contains("`laptop`") && error.contains("keys.toml"), "{error}");
        }
    }
}
