//! What is written down about a model: `names/<name>.json`.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use harmonic_fsutil::{WriteOptions, replace};
use harmonic_types::{Bytes, Divergence};
use serde::{Deserialize, Serialize};

use crate::error::ModelError;
use crate::shards::MAX_SHARDS;
use crate::store::folder::Folder;

/// One name and the file it stands for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// `harmonic.model/1`.
    pub schema: String,
    /// The name.
    pub name: String,
    /// sha256 of the file in lower-case hex; of a model in several files that of their digests.
    pub digest: String,
    /// Size of the file, of all where there are several.
    pub size: Bytes,
    /// The files, in order, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shards: Vec<Shard>,
    /// Where it came from, as [`crate::Source`] writes it.
    pub source: String,
    /// Predominant tensor type (`Q4_1`).
    pub format: String,
    /// What it was converted from; `None` for a file as it came.
    pub converted_from: Option<ConvertedFrom>,
    /// Name of the conversion that is used in its place; `None` to use the file itself.
    pub runs_as: Option<String>,
}

/// One of the files of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// sha256 in lower-case hex.
    pub digest: String,
    /// Its size.
    pub size: Bytes,
}

/// The origin of a conversion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConvertedFrom {
    /// Name of the model it was made from.
    pub name: String,
    /// Its digest.
    pub digest: String,
    /// What the conversion changed, as one sentence.
    pub loss: String,
    /// How far its answers are from the original's; `None` before that was measured.
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
        // Else one record could speak for another's name.
        if path.file_name().is_none_or(|file| *file != *file_name(&record.name)) {
            return Err(damaged(format!("it names the model `{}`", shown(&record.name))));
        }
        // The digest becomes a file name.
        let is_digest = record.digest.len() == 64
            && record.digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !is_digest {
            return Err(damaged(format!("`{}` is no sha256", shown(&record.digest))));
        }
        if record.shards.len() == 1 || record.shards.len() > MAX_SHARDS as usize {
            return Err(damaged(format!("it has {} shards", record.shards.len())));
        }
        Ok(record)
    }

    /// Whole or not at all: written beside its place, synced, then renamed.
    pub(super) fn write(&self, folder: &Folder) -> Result<(), ModelError> {
        let path = &folder.path().join(file_name(&self.name));
        let text = serde_json::to_vec_pretty(self).map_err(|error| ModelError::Record {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        Ok(replace(path, &text, WriteOptions::DOCUMENT)?)
    }
}

/// The digest of a model in several files: of their digests, a line each.
pub(crate) fn joint_digest(shards: &[Shard]) -> String {
    use sha2::{Digest, Sha256};
    let lines: Vec<&str> = shards.iter().flat_map(|shard| [shard.digest.as_str(), "\n"]).collect();
    hex::encode(Sha256::digest(lines.concat()))
}

/// Most that a record may hold; a real one has 1 kB.
const MAX_RECORD: u64 = 1 << 20;

fn read(path: &Path) -> io::Result<Vec<u8>> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut bytes = Vec::new();
    // Neither through a link, nor waiting for the other end of a pipe.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let mut options = fs::OpenOptions::new();
    let file = options.read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    file.take(MAX_RECORD + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_RECORD {
        return Err(io::Error::other("it is larger than any record"));
    }
    Ok(bytes)
}

/// At most 64 characters of a name that may be anything.
fn shown(name: &str) -> String {
    name.chars().take(64).flat_map(char::escape_default).collect()
}

/// The file that holds the record of a name.
pub(crate) fn file_name(name: &str) -> String {
    format!("{}.json", file_stem(name))
}

/// A name as a file name: everything but letters, digits, `-`, `_` and inner `.` is written `%XX`,
/// so that different names never share a file and none leaves the folder.
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
