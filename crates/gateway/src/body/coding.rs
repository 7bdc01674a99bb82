//! Compressed bodies.
//!
//! Invariants: nothing is decompressed past the limit, whatever the body promises; a body is
//! compressed once at most.

use std::io::{self, Read};

use axum::http::HeaderMap;
use axum::http::header::CONTENT_ENCODING;
use bytes::Bytes;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use zstd::stream::read::Decoder;

use crate::api_error::ApiError;

/// Largest window of a zstd frame, as a power of two: 8 MiB, as RFC 9659 has it for HTTP.
const ZSTD_WINDOW_LOG: u32 = 23;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    /// With zlib's frame, as HTTP has it.
    Deflate,
    Zstd,
}

/// What came out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decoded {
    Whole(Bytes),
    /// More than the limit.
    Larger,
}

impl Coding {
    /// That of the body under `headers`; `None` for one that is sent as it is.
    ///
    /// # Errors
    /// [`ApiError::UnknownCoding`] for one that is not known, or several.
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
        coding.map(Some).ok_or(ApiError::UnknownCoding { coding: named })
    }

    /// `body` decompressed, to `limit` bytes at most.
    ///
    /// # Errors
    /// [`ApiError::BrokenBody`] when it is not what its header says.
    pub(super) fn decode(self, body: &[u8], limit: usize) -> Result<Decoded, ApiError> {
        let read = match self {
            Self::Gzip => read_to(MultiGzDecoder::new(body), limit),
            Self::Deflate => read_to(ZlibDecoder::new(body), limit),
            Self::Zstd => Decoder::with_buffer(body).and_then(|mut decoder| {
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                read_to(decoder, limit)
            }),
        };
        read.map_err(|error| ApiError::BrokenBody {
            reason: format!("it cannot be decompressed: {error}"),
        })
    }
}

fn read_to(decoder: impl Read, limit: usize) -> io::Result<Decoded> {
    let mut whole = Vec::new();
    // One more says that there is more.
    decoder.take((limit as u64).saturating_add(1)).read_to_end(&mut whole)?;
    Ok(if whole.len() > limit { Decoded::Larger } else { Decoded::Whole(whole.into()) })
}

#[cfg(test)]
mod tests;
