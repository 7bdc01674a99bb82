//! The record of a model: `names/<name>.json`.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use harmonic_fsutil::{WriteOptions, replace};
use harmonic_types::{Bytes, Divergence};
use serde::{Deserialize, Serialize};

use crate::error::ModelError;
use crate::shards::MAX_SHARDS;
use crate::store::folder::Folder;

/// A name and its file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// `harmonic.model/1`.
    pub schema: String,
    /// Name of the model.
    pub name: String,
    /// sha256 of the file in lower-case hex; for several files, of their digests.
    pub digest: String,
    /// Size of the file; for several files, the total.
    pub size: Bytes,
    /// The files in order, if there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shards: Vec<Shard>,
    /// Source, in the text form of [`crate::Source`].
    pub source: String,
    /// Weight format (`Q4_K_M`); older records have the predominant tensor type (`Q4_K`).
    pub format: String,
    /// Origin of a conversion; `None` for an original.
    pub converted_from: Option<ConvertedFrom>,
    /// Name of the conversion used in its place; `None` for the file itself.
    pub runs_as: Option<String>,
}

/// One file of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// sha256 in lower-case hex.
    pub digest: String,
    /// Size of the file.
    pub size: Bytes,
}

/// The origin of a conversion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConvertedFrom {
    /// Name of the original.
    pub name: String,
    /// Digest of the original.
    pub digest: String,
    /// Loss of the conversion, as one sentence.
    pub loss: String,
    /// Divergence from the original; `None` if not yet measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub divergence: Option<Divergence>,
}

impl Record {
    /// The schema this build writes.
    pub const SCHEMA: &'static str = "harmonic.model/1";

    pub(super) fn read(path: &Path) -> Result<Self, ModelError> {
        let bytes = read(path).map_err(ModelError::io("read", path))?;
        let damaged = |reason: String| ModelError::Record { path: path.to_owned(), reason };
        let record: Self =
            serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        if record.schema != Self::SCHEMA {
            return Err(damaged(format!(
                "schema `{}`, expected `{}`",
                record.schema,
                Self::SCHEMA
            )));
        }
        // A record is valid only for its own name.
        if path.file_name().is_none_or(|file| *file != *file_name(&record.name)) {
            return Err(damaged(format!("it is of the model `{}`", shown(&record.name))));
        }
        // The digest becomes a file name.
        let is_digest = record.digest.len() == 64
            && record.digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !is_digest {
            return Err(damaged(format!("invalid sha256 `{}`", shown(&record.digest))));
        }
        if record.shards.len() == 1 || record.shards.len() > MAX_SHARDS as usize {
            return Err(damaged(format!("it has {} shards", record.shards.len())));
        }
        Ok(record)
    }

    /// Writes the record atomically.
    pub(super) fn write(&self, folder: &Folder) -> Result<(), ModelError> {
        let path = &folder.path().join(file_name(&self.name));
        let text = serde_json::to_vec_pretty(self).map_err(|error| ModelError::Record {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        Ok(replace(path, &text, WriteOptions::DOCUMENT)?)
    }
}

/// Digest of a model in several files: of their digests, one per line.
pub(crate) fn joint_digest(shards: &[Shard]) -> String {
    use sha2::{Digest, Sha256};
    let lines: Vec<&str> = shards.iter().flat_map(|shard| [shard.digest.as_str(), "\n"]).collect();
    hex::encode(Sha256::digest(lines.concat()))
}

/// Maximum size of a record in bytes; a real one has 1 kB.
const MAX_RECORD: u64 = 1 << 20;

fn read(path: &Path) -> io::Result<Vec<u8>> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut bytes = Vec::new();
    // Without following a link or blocking on a pipe.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let mut options = fs::OpenOptions::new();
    let file = options.read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    file.take(MAX_RECORD + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_RECORD {
        return Err(io::Error::other("it exceeds the size limit of records"));
    }
    Ok(bytes)
}

/// At most 64 characters of an untrusted name, escaped.
fn shown(name: &str) -> String {
    name.chars().take(64).flat_map(char::escape_default).collect()
}

/// File name of the record of a name.
pub(crate) fn file_name(name: &str) -> String {
    format!("{}.json", file_stem(name))
}

/// A name as a file name: all bytes except letters, digits, `-`, `_` and inner `.` are escaped as
/// `%XX`, so that different names have different files and none escapes the folder.
pub(crate) fn file_stem(name: &str) -> String {
    use std::fmt::Write as _;
    name.bytes().enumerate().fold(String::new(), |mut stem, (index, byte)| {
        match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'_' => stem.push(byte.into()),
            b'.' if index > 0 => stem.push('.'),
            _ => {
                let _ = write!(stem, "%{byte:02X}");
            }
        }
        stem
    })
}
