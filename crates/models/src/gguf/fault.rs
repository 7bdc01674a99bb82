//! What can be wrong with a GGUF file.

/// Why bytes are not a usable GGUF file. Offsets are from the start of the file.
#[derive(Debug, thiserror::Error)]
pub enum GgufError {
    /// A folder, a pipe, a device.
    #[error("it is not a regular file: give the path of a .gguf file")]
    NotAFile,
    /// The first four bytes are not `GGUF`.
    #[error(
        "it is not a GGUF file (byte 0 has {found:?} where `GGUF` should stand): convert the model \
         to GGUF first, or give another file"
    )]
    NotGguf {
        /// What stands there instead.
        found: String,
    },
    /// Written by or for a big-endian machine.
    #[error("it is a big-endian GGUF file (byte 4): get the little-endian one")]
    BigEndian,
    /// A version that this reader does not know.
    #[error("it has GGUF version {0} (byte 4), this build reads 2 and 3: get a newer file")]
    Version(u32),
    /// The file ends inside the header.
    #[error(
        "it is truncated: at byte {offset} {needed} bytes of {what} should follow, the file ends \
         at {length}; download it again"
    )]
    Truncated {
        /// Where the part begins.
        offset: u64,
        /// What was being read.
        what: String,
        /// Bytes it needs.
        needed: u64,
        /// Length of the file.
        length: u64,
    },
    /// The file ends before its tensor data do.
    #[error(
        "it is truncated: the data of the tensor `{tensor}` end at byte {end}, the file at \
         {length}; download it again"
    )]
    DataTruncated {
        /// First tensor that is not all there.
        tensor: String,
        /// Where its data would end.
        end: u64,
        /// Length of the file.
        length: u64,
    },
    /// The header contradicts itself or the format.
    #[error("it is damaged at byte {offset}: {reason}; download it again")]
    Malformed {
        /// Where.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// A header larger than any real one.
    #[error("its header is not credible at byte {offset}: {what} exceeds the limit of {limit}")]
    TooLarge {
        /// Where.
        offset: u64,
        /// What is too large, with its size.
        what: String,
        /// Most that this reader takes.
        limit: u64,
    },
    /// A metadata key that is needed is absent or says something impossible.
    #[error("its metadata key `{key}` {reason}: it is not a language model that can be run")]
    Key {
        /// The key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A tensor that llama.cpp cannot compute with.
    #[error("its tensor `{name}` {reason}: convert the model again, or get another file")]
    Tensor {
        /// The tensor.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The file could not be read.
    #[error("it cannot be read at byte {offset}: {source}")]
    Read {
        /// Where.
        offset: u64,
        /// The system's answer.
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
