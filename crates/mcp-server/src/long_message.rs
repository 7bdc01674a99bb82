//! Messages that are longer than the library takes: it drops them unread, and their request would never
//! be answered. A reader notes their ids while they pass.
//!
//! Invariants: what is kept of a message is bounded, whatever its length; the bytes pass unchanged.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rmcp::model::RequestId;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::mpsc;

/// Longest message, in bytes, with its line break.
pub(crate) const LONGEST: usize = 16 << 20;

/// Longest text of an id.
const LONGEST_ID: usize = 256;

/// A reader of lines that tells the ids of requests that are too long.
#[derive(Debug)]
pub(crate) struct Watched<R> {
    inner: R,
    scan: RequestScan,
    bytes: usize,
    too_long: mpsc::UnboundedSender<RequestId>,
}

impl<R> Watched<R> {
    /// The reader, and the ids of requests that are longer than [`LONGEST`], each when its line ends.
    pub(crate) fn new(inner: R) -> (Self, mpsc::UnboundedReceiver<RequestId>) {
        // At most one for each such message.
        let (too_long, ids) = mpsc::unbounded_channel();
        (Self { inner, scan: RequestScan::default(), bytes: 0, too_long }, ids)
    }

    fn watch(&mut self, part: &[u8]) {
        for line in part.split_inclusive(|byte| *byte == b'\n') {
            self.bytes = self.bytes.saturating_add(line.len());
            self.scan.push(line);
            if line.ends_with(b"\n") {
                let scan = std::mem::take(&mut self.scan);
                let bytes = std::mem::take(&mut self.bytes);
                if let Some(id) = scan.request_id().filter(|_| bytes > LONGEST) {
                    // Who answers it is gone with the connection.
                    let _ = self.too_long.send(id);
                }
            }
        }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Watched<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        self.watch(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

/// Where a scan stands in a string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum StringState {
    #[default]
    Outside,
    Inside,
    /// After a backslash.
    Escaped,
}

/// Scan of a message for its id and for the field that makes it a request, whatever their order. What is
/// no JSON yields nothing, or a wrong id.
#[derive(Debug, Default)]
struct RequestScan {
    depth: usize,
    string: StringState,
    /// Text since the last delimiter of the outermost object: a key, or a value.
    text: Vec<u8>,
    is_text_too_long: bool,
    key: Vec<u8>,
    id: Option<Vec<u8>>,
    has_method: bool,
}

impl RequestScan {
    fn push(&mut self, part: &[u8]) {
        for byte in part {
            self.take(*byte);
        }
    }

    fn take(&mut self, byte: u8) {
        if self.string != StringState::Outside {
            self.keep(byte);
            self.string = match (self.string, byte) {
                (StringState::Inside, b'\\') => StringState::Escaped,
                (StringState::Inside, b'"') => StringState::Outside,
                _ => StringState::Inside,
            };
            return;
        }
        match byte {
            b'"' => {
                self.string = StringState::Inside;
                self.keep(byte);
            }
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                if self.depth == 1 {
                    self.end_value();
                }
                self.depth = self.depth.saturating_sub(1);
            }
            b':' if self.depth == 1 => {
                self.key = std::mem::take(&mut self.text);
                self.has_method |= self.key == b"\"method\"";
            }
            b',' if self.depth == 1 => self.end_value(),
            _ if byte.is_ascii_whitespace() => {}
            _ => self.keep(byte),
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.depth != 1 {
            return;
        }
        if self.text.len() < LONGEST_ID {
            self.text.push(byte);
        } else {
            self.is_text_too_long = true;
        }
    }

    fn end_value(&mut self) {
        let (text, is_whole) = (std::mem::take(&mut self.text), !self.is_text_too_long);
        self.is_text_too_long = false;
        if self.key == b"\"id\"" && is_whole {
            self.id = Some(text);
        }
        self.key.clear();
    }

    /// The id, where the message is a request.
    fn request_id(&self) -> Option<RequestId> {
        let id = self.id.as_ref().filter(|_| self.has_method && self.depth == 0)?;
        serde_json::from_slice(id).ok()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    fn id_of(text: &str) -> Option<RequestId> {
        let mut scan = RequestScan::default();
        scan.push(text.as_bytes());
        scan.request_id()
    }

    #[test]
    fn the_id_of_a_request_is_found_wherever_it_stands() {
        let number = Some(RequestId::Number(7));
        for text in [
            r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"id":8,"a":["id",9]}}"#,
            r#" { "method" : "x" , "params" : { "b": "}\"id\":1,\\" } , "id" : 7 } "#,
        ] {
            assert_eq!(id_of(text), number, "{text}");
        }
        let text = Some(RequestId::String("a\"}:,b".into()));
        assert_eq!(id_of(r#"{"id":"a\"}:,b","method":"x"}"#), text);
    }

    #[test]
    fn what_is_no_request_with_an_id_has_none() {
        let long = format!(r#"{{"id":"{}","method":"x"}}"#, "i".repeat(LONGEST_ID));
        for text in [
            r#"{"method":"x","params":{"id":7}}"#,
            r#"{"id":7,"result":{"method":"x"}}"#,
            r#"{"id":7,"method":"x""#,
            r#"{"id":{"a":7},"method":"x"}"#,
            r#"{"id":null,"method":"x"}"#,
            "id method 7",
            "",
            &long,
        ] {
            assert_eq!(id_of(text), None, "{text}");
        }
    }

    #[tokio::test]
    async fn only_long_requests_are_told_and_all_bytes_pass() {
        let request = |id: u32, bytes: usize| {
            let begin = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"x","params":""#);
            let fill = bytes - begin.len() - 3;
            format!("{begin}{}\"}}\n", "x".repeat(fill))
        };
        let text = request(1, 100) + &request(2, LONGEST) + &request(3, LONGEST + 1) + "\n";
        let (mut watched, mut ids) = Watched::new(text.as_bytes());
        let mut passed = String::new();
        watched.read_to_string(&mut passed).await.unwrap();
        drop(watched);
        assert!(passed == text);
        assert_eq!(ids.recv().await, Some(RequestId::Number(3)));
        assert_eq!(ids.recv().await, None);
    }
}
