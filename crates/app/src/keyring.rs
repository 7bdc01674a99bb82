//! API keys of this machine's owner, in `keys.toml`.
//!
//! Invariants: the file has fingerprints, never keys; only its owner may read it; it is replaced
//! atomically, so a reader sees the old content or the new; a change applies to the content at that
//! time, under the file's lock, so no change is lost and no removed key reappears.

use std::io;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use harmonic_fsutil::{MAX_DOCUMENT, WriteOptions, read_text, update};
use harmonic_gateway::{ApiKey, Fingerprint, Keys};
use serde::{Deserialize, Serialize};

use crate::error::{AppError, Result};

/// Prefix of a key, by which a leaked key is recognised.
const PREFIX: &str = "hs-";
/// Entropy of a key, in bytes.
const KEY_BYTES: usize = 32;

/// Entry of the file for one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyEntry {
    /// Name of the key's holder.
    pub name: String,
    /// SHA-256 of the key, in lower-case hex.
    sha256: String,
    /// Rate limit in requests per minute; absent for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_minute: Option<NonZeroU32>,
    /// Whether it may approve commands of its own runs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_approve_commands: bool,
}

/// What a new key may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyGrants {
    /// Rate limit in requests per minute; `None` for none.
    pub per_minute: Option<NonZeroU32>,
    /// Whether it may approve commands of its own runs.
    pub may_approve_commands: bool,
}

/// Content of the file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
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
    /// Reads the file at `path`; an absent file has no keys.
    ///
    /// # Errors
    /// When the file cannot be read or is invalid.
    pub fn open(path: &Path) -> Result<Self> {
        let text = match read_text(path, MAX_DOCUMENT) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                let doing = format!("cannot read the API keys in {}", path.display());
                return Err(AppError::context(doing)(error));
            }
        };
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self> {
        let file: KeyFile = toml::from_str(text)
            .map_err(AppError::context(format!("invalid API key file {}", path.display())))?;
        let keyring = Self { path: path.to_owned(), entries: file.keys };
        // Checked here, before a server would refuse every request.
        keyring.entries.iter().try_for_each(|entry| keyring.fingerprint(entry).map(drop))?;
        Ok(keyring)
    }

    /// The keys, in the order in which they were added.
    pub fn entries(&self) -> &[KeyEntry] {
        &self.entries
    }

    /// Keys for a server, none of them used yet; `None` where there are none.
    ///
    /// # Errors
    /// When the file has an invalid fingerprint.
    pub fn keys(&self) -> Result<Option<Keys>> {
        let keys = self.api_keys()?;
        Ok((!keys.is_empty()).then(|| Keys::new(keys)))
    }

    /// The keys as the gateway reads them.
    ///
    /// # Errors
    /// When the file has an invalid fingerprint.
    pub fn api_keys(&self) -> Result<Vec<ApiKey>> {
        let key = |entry: &KeyEntry| {
            Ok::<_, AppError>(ApiKey {
                name: entry.name.clone(),
                fingerprint: self.fingerprint(entry)?,
                per_minute: entry.per_minute,
                may_approve_commands: entry.may_approve_commands,
            })
        };
        self.entries.iter().map(key).collect()
    }

    /// Creates a key and stores its fingerprint. Only the result has the key itself.
    ///
    /// # Errors
    /// When the name is invalid or in use, or the file cannot be written.
    pub fn add(&mut self, name: &str, grants: KeyGrants) -> Result<String> {
        if name.is_empty() || name.chars().any(char::is_control) {
            let hint = "name its holder, such as `laptop`";
            return Err(AppError::refused(format!("invalid key name {name:?}"), hint));
        }
        let mut secret = [0; KEY_BYTES];
        getrandom::fill(&mut secret)
            .map_err(AppError::context("cannot read random bytes from the system"))?;
        let key = format!("{PREFIX}{}", hex::encode(secret));
        let sha256 = hex::encode(Fingerprint::of(&key).0);
        self.update(|entries| {
            if entries.iter().any(|entry| entry.name == name) {
                let hint = format!("choose another name, or `harmonic keys rm {name}` first");
                return Err(AppError::refused(format!("there is a key `{name}` already"), hint));
            }
            let KeyGrants { per_minute, may_approve_commands } = grants;
            let name = name.to_owned();
            entries.push(KeyEntry { name, sha256, per_minute, may_approve_commands });
            Ok(())
        })?;
        Ok(key)
    }

    /// Removes the key `name`.
    ///
    /// # Errors
    /// When there is none, or the file cannot be written.
    pub fn remove(&mut self, name: &str) -> Result<()> {
        self.update(|entries| {
            let before = entries.len();
            entries.retain(|entry| entry.name != name);
            if entries.len() < before {
                return Ok(());
            }
            let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
            let hint = match names.as_slice() {
                [] => "there are no keys".to_owned(),
                names => format!("use one of {}", names.join(", ")),
            };
            Err(AppError::refused(format!("there is no key `{name}`"), hint))
        })
    }

    /// Changes the current content of the file, which may differ from that at opening.
    fn update(&mut self, change: impl FnOnce(&mut Vec<KeyEntry>) -> Result<()>) -> Result<()> {
        let path = self.path.clone();
        let changed: Result<Self> = update(&path, WriteOptions::SECRET, |bytes| {
            let text = std::str::from_utf8(bytes.unwrap_or_default())
                .map_err(AppError::context(format!("invalid API key file {}", path.display())))?;
            let mut keyring = Self::parse(&path, text)?;
            change(&mut keyring.entries)?;
            let file = KeyFile { keys: keyring.entries.clone() };
            let text = toml::to_string(&file)
                .map_err(AppError::context("cannot write the API keys as TOML"))?;
            Ok((Some(text.into_bytes()), keyring))
        });
        *self = changed?;
        Ok(())
    }

    fn fingerprint(&self, entry: &KeyEntry) -> Result<Fingerprint> {
        let mut digest = [0; 32];
        hex::decode_to_slice(&entry.sha256, &mut digest).map_err(|_| {
            let path = self.path.display();
            let what = format!("invalid sha256 of the key `{}` in {path}", entry.name);
            let hint = "expected 64 hexadecimal digits; remove the key from the file, and \
                        `harmonic keys add` creates another";
            AppError::refused(what, hint)
        })?;
        Ok(Fingerprint(digest))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        let key = Keyring::open(&path).unwrap().add("laptop", KeyGrants::default()).unwrap();
        let listed = Keyring::open(&path).unwrap().api_keys().unwrap();
        let read: Vec<_> = listed.into_iter().map(|key| key.fingerprint).collect();
        assert_eq!(read, [Fingerprint::of(&key)]);
    }

    #[test]
    fn a_file_with_an_invalid_fingerprint_is_named() {
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
