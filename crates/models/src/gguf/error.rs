//! Errors of GGUF files.

/// Error of a GGUF file. Offsets are from the start of the file.
#[derive(Debug, thiserror::Error)]
pub enum GgufError {
    /// A folder, pipe or device.
    #[error("it is not a regular file: give the path of a .gguf file")]
    NotAFile,
    /// The first four bytes are not `GGUF`.
    #[error(
        "it is not a GGUF file (byte 0: expected `GGUF`, found {found:?}): convert the model \
         to GGUF first, or give another file"
    )]
    NotGguf {
        /// Actual content.
        found: String,
    },
    /// A big-endian file.
    #[error("it is a big-endian GGUF file (byte 4): use the little-endian one")]
    BigEndian,
    /// An unsupported version.
    #[error("it has GGUF version {0} (byte 4), expected 2 or 3: use a newer file")]
    Version(u32),
    /// A file truncated within the header.
    #[error(
        "it is truncated: expected {needed} bytes of {what} at byte {offset}, but the file ends at \
         {length}; download it again"
    )]
    Truncated {
        /// Start of the part.
        offset: u64,
        /// The part being read.
        what: String,
        /// Its length in bytes.
        needed: u64,
        /// Length of the file.
        length: u64,
    },
    /// A file truncated within the tensor data.
    #[error(
        "it is truncated: the tensor `{tensor}` ends at byte {end}, the file at \
         {length}; download it again"
    )]
    DataTruncated {
        /// First incomplete tensor.
        tensor: String,
        /// End of its data.
        end: u64,
        /// Length of the file.
        length: u64,
    },
    /// A header that contradicts itself or the format.
    #[error("it is damaged at byte {offset}: {reason}; download it again")]
    Malformed {
        /// Position.
        offset: u64,
        /// Cause.
        reason: String,
    },
    /// A header above the size limits.
    #[error("its header is too large at byte {offset}: {what} exceeds the limit of {limit}")]
    TooLarge {
        /// Position.
        offset: u64,
        /// The part, with its size.
        what: String,
        /// The limit.
        limit: u64,
    },
    /// A missing or invalid metadata key.
    #[error("its metadata key `{key}` {reason}: it is not a supported language model")]
    Key {
        /// The key.
        key: String,
        /// Cause, a predicate.
        reason: String,
    },
    /// A tensor unsupported by llama.cpp.
    #[error("its tensor `{name}` {reason}: convert the model again, or use another file")]
    Tensor {
        /// The tensor.
        name: String,
        /// Cause, a predicate.
        reason: String,
    },
    /// A failed read.
    #[error("it cannot be read at byte {offset}: {source}")]
    Read {
        /// Position.
        offset: u64,
        /// Cause.
        source: std::io::Error,
    },
}

impl GgufError {
    pub(crate) fn missing(key: &str) -> Self {
        Self::Key { key: key.to_owned(), reason: "is missing".to_owned() }
    }

    pub(crate) fn key(key: &str, reason: impl Into<String>) -> Self {
        Self::Key { key: key.to_owned(), reason: reason.into() }
    }
}
