//! Whole lines of an event stream from the chunks of a body, within bounds.
//!
//! Owns: what a reader of events may keep in memory, and that it sees each byte once.
//!
//! Invariants: each piece ends with a line, so a line that arrives in many chunks is not scanned
//! anew with each of them; no event is longer than [`MAX_EVENT_BYTES`], with or without an end of
//! its lines; all lines are UTF-8. Pure.
//!
//! Does not do: tell events apart by anything but the blank line after them.

use bytes::{Bytes, BytesMut};

/// Maximum bytes of an event: a snapshot of a large run, some hundred times the usual one.
pub const MAX_EVENT_BYTES: usize = 16 << 20;

/// Bytes after which a piece ends with its line: a reader moves what follows a line once for each.
const PIECE: usize = 4 << 10;

/// Bytes of a body that no stream of events has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// An event above the limit.
    #[error("an event has more than {MAX_EVENT_BYTES} bytes")]
    TooLong,
    /// A line in another encoding.
    #[error("a line is not UTF-8")]
    NotUtf8,
}

/// Bytes that were received and not yet read.
#[derive(Debug, Default)]
pub struct SseLines {
    received: BytesMut,
    /// Bytes at the start of `received` that hold no end of a line.
    scanned: usize,
    /// Bytes of the event that was begun, in lines that were read.
    event: usize,
    /// The character that ended the line before.
    last: Option<u8>,
}

impl SseLines {
    /// Adds a chunk of the body.
    pub fn push(&mut self, chunk: &[u8]) {
        self.received.extend_from_slice(chunk);
    }

    /// The next whole lines; `None` where more of the body is needed.
    ///
    /// # Errors
    /// What is no event, or too long for one.
    pub fn next_lines(&mut self) -> Result<Option<Bytes>, LineError> {
        let mut end = 0;
        while end < PIECE {
            let unseen = self.received.get(self.scanned..).unwrap_or_default();
            let at = unseen.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let next = at.map_or(self.received.len(), |at| self.scanned + at + 1);
            self.scanned = next;
            let event = self.event.saturating_add(next - end);
            if event > MAX_EVENT_BYTES {
                return Err(LineError::TooLong);
            }
            if at.is_none() {
                break;
            }
            // Of one character, that which ends it; but a line feed after a carriage return belongs to
            // the line before.
            let last = self.received.get(next - 1).copied();
            let is_blank = next - end == 1 && (last, self.last) != (Some(b'\n'), Some(b'\r'));
            self.event = if is_blank { 0 } else { event };
            (end, self.last) = (next, last);
        }
        if end == 0 {
            return Ok(None);
        }
        self.scanned -= end;
        self.checked(end).map(Some)
    }

    /// What is left at the end of the body: a line without an end, or nothing.
    ///
    /// # Errors
    /// As [`SseLines::next_lines`].
    pub fn rest(&mut self) -> Result<Option<Bytes>, LineError> {
        let length = self.received.len();
        if length == 0 { Ok(None) } else { self.checked(length).map(Some) }
    }

    fn checked(&mut self, length: usize) -> Result<Bytes, LineError> {
        let lines = self.received.split_to(length).freeze();
        std::str::from_utf8(&lines).map_err(|_| LineError::NotUtf8)?;
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All pieces of `bytes`, given in chunks of `cut`.
    fn pieces(bytes: &[u8], cut: usize) -> Result<Vec<Bytes>, LineError> {
        let (mut lines, mut pieces) = (SseLines::default(), Vec::new());
        for chunk in bytes.chunks(cut) {
            lines.push(chunk);
            while let Some(piece) = lines.next_lines()? {
                pieces.push(piece);
            }
        }
        pieces.extend(lines.rest()?);
        Ok(pieces)
    }

    proptest! {
        #[test]
        fn pieces_are_the_body_and_end_with_lines(
            text in prop::collection::vec("[a\u{e9}:\r\n]{0,2000}", 0..8),
            cut in 1usize..5000,
        ) {
            let text = text.concat();
            let pieces = pieces(text.as_bytes(), cut).unwrap();
            prop_assert_eq!(pieces.concat(), text.as_bytes());
            if let Some((_, whole)) = pieces.split_last() {
                for piece in whole {
                    prop_assert!(piece.ends_with(b"\n") || piece.ends_with(b"\r"));
                }
            }
        }

    }

    #[test]
    fn an_event_without_an_end_is_too_long_whatever_its_lines_and_chunks_are() {
        for (chunk, cut) in [
            (vec![b'x'; 1 << 20], 1 << 20),
            (vec![b'x'; 1 << 20], 1000),
            (b"data: 1\n".repeat(1 << 17), 70_000),
            (b": 1\r\n".repeat(1 << 17), 70_001),
        ] {
            let body = chunk.repeat(1 + MAX_EVENT_BYTES / chunk.len());
            assert_eq!(pieces(&body, cut), Err(LineError::TooLong));
            let short = &body[..1 << 20];
            assert_eq!(pieces(short, cut).unwrap().concat().len(), short.len());
        }
    }

    #[test]
    fn many_events_may_be_longer_than_one_and_bytes_that_are_no_text_are_refused() {
        let events = b"data: 123456789\n\n".repeat(1 + MAX_EVENT_BYTES / 17);
        assert_eq!(pieces(&events, 1 << 16).unwrap().concat().len(), events.len());
        assert_eq!(pieces(b"data: \xff\n\ndata: 1\n\n", 64), Err(LineError::NotUtf8));
    }
}
