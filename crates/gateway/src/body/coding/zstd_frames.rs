//! Bodies in zstd (RFC 8878): frames one after another.
//!
//! Invariants: no window is larger than 8 MiB; nothing is decompressed past the limit; the content of a
//! frame with a checksum agrees with it.

use std::io::{self, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

/// Largest window of a frame, bytes: the limit of RFC 9659 for HTTP.
const MAX_WINDOW_BYTES: u64 = 8 << 20;

/// Decompresses `body`; of one larger than `limit` only the first `limit + 1` bytes.
///
/// # Errors
/// An invalid frame, or the lack of any.
pub(super) fn decode(mut body: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        match StreamingDecoder::new_with_max_window_size(&mut body, MAX_WINDOW_BYTES) {
            Ok(frame) => decode_frame(frame, limit, &mut whole)?,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => {
                let rest = usize::try_from(length).ok().and_then(|length| body.get(length..));
                body = rest.ok_or(io::ErrorKind::UnexpectedEof)?;
            }
            Err(error) => return Err(io::Error::other(error)),
        }
        if body.is_empty() || whole.len() > limit {
            return Ok(whole);
        }
    }
}

fn decode_frame(
    mut frame: StreamingDecoder<&mut &[u8], FrameDecoder>,
    limit: usize,
    whole: &mut Vec<u8>,
) -> io::Result<()> {
    let left = limit.saturating_add(1).saturating_sub(whole.len());
    frame.by_ref().take(left as u64).read_to_end(whole)?;
    if whole.len() > limit {
        return Ok(());
    }
    let stated = frame.decoder.get_checksum_from_data();
    if stated.is_some() && stated != frame.decoder.get_calculated_checksum() {
        return Err(io::Error::other("a frame does not agree with its checksum"));
    }
    Ok(())
}
