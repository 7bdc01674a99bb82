//! Transport over a child's standard input and output, one message a line.
//!
//! rmcp's own drops a line that is too long, and the call that waits for it learns nothing. This one
//! shortens long texts while they arrive, ends the connection at a message that is still too large,
//! and does not wait forever for a server that writes something else.

use std::io;
use std::sync::Arc;

use rmcp::RoleClient;
use rmcp::model::JsonRpcMessage;
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::Mutex;

use super::diagnosis::Diagnosis;
use super::string_limit::StringLimit;
use crate::limits::{MESSAGE_BYTES, TEXT_BYTES};

/// Lines that are not messages before the connection ends: banners and stray prints are common.
const STRAY_LINES: usize = 100;

/// Messages over the standard streams of a child.
pub(super) struct StdioTransport {
    lines: BoundedLines<ChildStdout>,
    stray: usize,
    stdin: Arc<Mutex<Option<ChildStdin>>>,
    diagnosis: Arc<Diagnosis>,
}

impl StdioTransport {
    pub(super) fn new(stdin: ChildStdin, stdout: ChildStdout, diagnosis: Arc<Diagnosis>) -> Self {
        let lines = BoundedLines::new(stdout);
        Self { lines, stray: 0, stdin: Arc::new(Mutex::new(Some(stdin))), diagnosis }
    }

    /// The message of a line; `None` where it is none.
    fn message(&mut self, line: &[u8], cut: u64) -> Option<RxJsonRpcMessage<RoleClient>> {
        match serde_json::from_slice(line) {
            Ok(message) => {
                if let JsonRpcMessage::Response(response) = &message {
                    self.diagnosis.note_cut(response.id.clone(), cut);
                }
                Some(message)
            }
            Err(_) if is_notification(line) => None,
            Err(_) => {
                self.stray += 1;
                self.diagnosis.note_unreadable(line);
                None
            }
        }
    }
}

impl Transport<RoleClient> for StdioTransport {
    type Error = io::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let stdin = Arc::clone(&self.stdin);
        async move {
            let mut line = serde_json::to_vec(&message)?;
            line.push(b'\n');
            let mut stdin = stdin.lock().await;
            let stdin = stdin.as_mut().ok_or(io::ErrorKind::NotConnected)?;
            stdin.write_all(&line).await?;
            stdin.flush().await
        }
    }

    // Polled in a `select!`: what a dropped call has read stays in `lines`.
    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        loop {
            let (line, cut) = match self.lines.next().await {
                Ok(Some(line)) => line,
                Ok(None) => {
                    self.diagnosis.set_fault("it ended".to_owned());
                    return None;
                }
                Err(fault) => {
                    self.diagnosis.set_fault(fault.to_string());
                    return None;
                }
            };
            if line.trim_ascii().is_empty() {
                continue;
            }
            if let Some(message) = self.message(&line, cut) {
                return Some(message);
            }
            if self.stray > STRAY_LINES {
                self.diagnosis.set_fault(
                    "its standard output is not MCP: check that its command starts a server"
                        .to_owned(),
                );
                return None;
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        // A server ends when its standard input does.
        self.stdin.lock().await.take();
        Ok(())
    }
}

/// Whether a line is a notification, of which servers have many kinds of their own.
fn is_notification(line: &[u8]) -> bool {
    let value: Option<Value> = serde_json::from_slice(line).ok();
    value.is_some_and(|value| value.get("method").is_some() && value.get("id").is_none())
}

/// Lines of a stream, with long texts shortened.
struct BoundedLines<R> {
    reader: BufReader<R>,
    filter: StringLimit,
    line: Vec<u8>,
}

impl<R: AsyncRead + Unpin> BoundedLines<R> {
    fn new(reader: R) -> Self {
        let filter = StringLimit::new(TEXT_BYTES);
        Self { reader: BufReader::with_capacity(64 << 10, reader), filter, line: Vec::new() }
    }

    /// The next line without its end, and the bytes that were cut off its texts; `None` at the end.
    /// An unfinished last line is none.
    async fn next(&mut self) -> io::Result<Option<(Vec<u8>, u64)>> {
        loop {
            let part = self.reader.fill_buf().await?;
            if part.is_empty() {
                return Ok(None);
            }
            let end = part.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(part.len(), |end| end + 1);
            self.filter.push(&part[..taken], &mut self.line);
            self.reader.consume(taken);
            if self.line.len() > MESSAGE_BYTES {
                return Err(io::Error::other(format!(
                    "it sent a message of more than {} MiB: ask it for less",
                    MESSAGE_BYTES >> 20
                )));
            }
            if end.is_some() {
                self.line.pop();
                return Ok(Some((std::mem::take(&mut self.line), self.filter.take_cut())));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines(bytes: &[u8]) -> io::Result<Vec<(String, u64)>> {
        let mut lines = BoundedLines::new(bytes);
        let mut found = Vec::new();
        while let Some((line, cut)) = lines.next().await? {
            found.push((String::from_utf8(line).expect("UTF-8"), cut));
        }
        Ok(found)
    }

    #[tokio::test]
    async fn lines_end_with_their_break_and_an_unfinished_one_is_none() {
        let found = lines(b"a\n\n{\"b\": 1}\nrest").await.expect("readable");
        assert_eq!(found, [("a".to_owned(), 0), (String::new(), 0), ("{\"b\": 1}".to_owned(), 0)]);
    }

    #[tokio::test]
    async fn a_message_of_many_long_texts_is_too_large() {
        let text = format!("\"{}\",", "x".repeat(TEXT_BYTES - 1)).repeat(20) + "\n";
        let fault = lines(text.as_bytes()).await.expect_err("too large").to_string();
        assert!(fault.contains("more than 8 MiB"), "{fault}");
    }

    #[tokio::test]
    async fn one_long_text_is_cut() {
        let text = format!("\"{}\"\n", "x".repeat(50 << 20));
        let found = lines(text.as_bytes()).await.expect("cut");
        assert_eq!(found[0].0.len() as u64 + found[0].1, text.len() as u64 - 1);
        assert_eq!(found[0].0.len(), TEXT_BYTES + 2);
    }
}
