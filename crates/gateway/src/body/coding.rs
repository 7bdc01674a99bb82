//! Content encodings of bodies.
//!
//! Invariants: no body is decompressed past the limit; a body has at most one encoding.

use std::io::{self, Read};

use axum::http::HeaderMap;
use axum::http::header::CONTENT_ENCODING;
use bytes::Bytes;
use flate2::read::{MultiGzDecoder, ZlibDecoder};

use crate::api_error::ApiError;

mod zstd_frames;

/// Content encoding of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    /// In the zlib format, as HTTP defines it.
    Deflate,
    Zstd,
}

/// Result of decompressing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decoded {
    Whole(Bytes),
    /// Larger than the limit.
    OverLimit,
}

impl Coding {
    /// Encoding of the body with `headers`; `None` for an uncompressed one.
    ///
    /// # Errors
    /// [`ApiError::UnsupportedEncoding`] for an unknown encoding, or several.
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Self>, ApiError> {
        let lines = headers.get_all(CONTENT_ENCODING).iter().map(axum::http::HeaderValue::as_bytes);
        let named = lines.map(String::from_utf8_lossy).collect::<Vec<_>>().join(",");
        let mut codings = named
            .split(',')
            .map(|coding| coding.trim().to_ascii_lowercase())
            .filter(|coding| !coding.is_empty() && coding != "identity");
        let coding = match (codings.next().as_deref(), codings.next()) {
            (None, _) => return Ok(None),
            (Some("gzip" | "x-gzip"), None) => Some(Self::Gzip),
            (Some("deflate"), None) => Some(Self::Deflate),
            (Some("zstd"), None) => Some(Self::Zstd),
            _ => None,
        };
        coding.map(Some).ok_or(ApiError::UnsupportedEncoding { coding: named })
    }

    /// Decompresses `body`, to `limit` bytes at most.
    ///
    /// # Errors
    /// [`ApiError::BodyIncomplete`] when it is not valid in this encoding.
    pub(super) fn decode(self, body: &[u8], limit: usize) -> Result<Decoded, ApiError> {
        let read = match self {
            Self::Gzip => read_to(MultiGzDecoder::new(body), limit),
            Self::Deflate => read_to(ZlibDecoder::new(body), limit),
            Self::Zstd => zstd_frames::decode(body, limit),
        };
        let within = |whole: Vec<u8>| {
            if whole.len() > limit { Decoded::OverLimit } else { Decoded::Whole(whole.into()) }
        };
        read.map(within).map_err(|error| ApiError::BodyIncomplete {
            reason: format!("it cannot be decompressed: {error}"),
        })
    }
}

/// Reads everything, of more than `limit` bytes only the first `limit + 1`.
fn read_to(decoder: impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut whole = Vec::new();
    decoder.take((limit as u64).saturating_add(1)).read_to_end(&mut whole)?;
    Ok(whole)
}

#[cfg(test)]
mod tests;
