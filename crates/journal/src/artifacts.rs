//! Artifacts of a run: files named after the digest of their content.
//!
//! Invariants: an artifact is there whole or not at all, and on the device once it was stored; its
//! content is compared with its name whenever it is read.

use harmonic_types::RunId;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::JournalError;
use crate::folder::Folder;
use crate::limits::Limits;

/// Name of the folder.
pub(crate) const FOLDER: &str = "artifacts";

/// Digits of an id.
const DIGITS: usize = 64;

/// Id of an artifact: the SHA-256 of its content, in lower-case hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ArtifactId(String);

/// Text that is not the id of an artifact.
#[derive(Debug, thiserror::Error)]
#[error("invalid artifact `{0}`: expected the SHA-256 of its content, 64 digits of 0-9 and a-f")]
pub struct InvalidArtifactId(String);

impl ArtifactId {
    /// Id of an artifact of this content.
    pub fn of(content: &[u8]) -> Self {
        Self(hex::encode(Sha256::digest(content)))
    }

    /// Its digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ArtifactId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for ArtifactId {
    type Error = InvalidArtifactId;

    fn try_from(text: String) -> Result<Self, InvalidArtifactId> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == DIGITS && text.bytes().all(is_digit) {
            Ok(Self(text))
        } else {
            Err(InvalidArtifactId(text))
        }
    }
}

impl From<ArtifactId> for String {
    fn from(id: ArtifactId) -> Self {
        id.0
    }
}

impl std::str::FromStr for ArtifactId {
    type Err = InvalidArtifactId;

    fn from_str(text: &str) -> Result<Self, InvalidArtifactId> {
        Self::try_from(text.to_owned())
    }
}

/// The artifacts of a run that is open for writing.
#[derive(Debug)]
pub(crate) struct Artifacts {
    folder: Folder,
    limits: Limits,
    /// Bytes of all artifacts.
    total: u64,
}

impl Artifacts {
    /// The artifacts in the folder of a run.
    pub(crate) fn open(run: &Folder, limits: Limits) -> Result<Self, JournalError> {
        let folder = run.folder(FOLDER)?;
        let total = folder.names()?.iter().map(|name| folder.length(name)).sum();
        Ok(Self { folder, limits, total })
    }

    /// Stores `content`, unless it is there.
    pub(crate) fn put(&mut self, run: &RunId, content: &[u8]) -> Result<ArtifactId, JournalError> {
        let bytes = content.len() as u64;
        let too_long =
            |what, bytes, limit| Err(JournalError::TooLong { id: run.clone(), what, bytes, limit });
        if bytes > self.limits.artifact {
            return too_long("an artifact", bytes, self.limits.artifact);
        }
        let id = ArtifactId::of(content);
        // A damaged one is written anew.
        if let Ok(Some(stored)) = self.folder.read(id.as_str(), self.limits.artifact)
            && stored == content
        {
            return Ok(id);
        }
        let total = self.total - self.folder.length(id.as_str()).min(self.total) + bytes;
        if total > self.limits.artifacts {
            return too_long("all artifacts", total, self.limits.artifacts);
        }
        self.folder.replace(id.as_str(), content, true).map_err(|source| {
            JournalError::write(run, "an artifact", self.folder.path_of(id.as_str()), source)
        })?;
        self.total = total;
        Ok(id)
    }

    pub(crate) fn get(&self, run: &RunId, id: &ArtifactId) -> Result<Vec<u8>, JournalError> {
        read(&self.folder, run, id, self.limits)
    }
}

/// The artifact `id` of the run in `folder`.
pub(crate) fn get(
    folder: &Folder,
    run: &RunId,
    id: &ArtifactId,
    limits: Limits,
) -> Result<Vec<u8>, JournalError> {
    read(&folder.folder(FOLDER)?, run, id, limits)
}

fn read(
    folder: &Folder,
    run: &RunId,
    id: &ArtifactId,
    limits: Limits,
) -> Result<Vec<u8>, JournalError> {
    let content = folder.read(id.as_str(), limits.artifact)?;
    let (id, artifact) = (run.clone(), id.clone());
    match content {
        None => Err(JournalError::NoArtifact { id, artifact }),
        Some(content) if ArtifactId::of(&content) == artifact => Ok(content),
        Some(_) => Err(JournalError::DamagedArtifact { id, artifact }),
    }
}
