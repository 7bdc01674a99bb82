//! What is known of a connection's state beyond the protocol: why it ended, and what was cut.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rmcp::model::RequestId;
use tokio::sync::watch;

use crate::output::{Tail, quoted};

/// Bytes of a server's standard error that are kept.
const KEPT_STDERR: usize = 4 << 10;

/// Answers whose cut bytes are remembered until they are read.
const REMEMBERED: usize = 256;

/// Time in which the last words of a server that ended must have been read.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Notes on one connection, shared by its reader and its callers.
#[derive(Debug)]
pub(super) struct Diagnosis {
    notes: Mutex<Notes>,
    /// Whether standard error has ended.
    silent: watch::Sender<bool>,
}

#[derive(Debug)]
struct Notes {
    fault: Option<String>,
    unreadable: Option<String>,
    stderr: Tail,
    cut: HashMap<RequestId, u64>,
}

impl Diagnosis {
    pub(super) fn new() -> Self {
        let notes = Notes {
            fault: None,
            unreadable: None,
            stderr: Tail::new(KEPT_STDERR),
            cut: HashMap::new(),
        };
        Self { notes: Mutex::new(notes), silent: watch::Sender::new(false) }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first fault counts; later ones follow from it.
    pub(super) fn set_fault(&self, fault: String) {
        self.notes().fault.get_or_insert(fault);
    }

    /// Forgets a fault that did not end the connection.
    pub(super) fn forget_fault(&self) {
        self.notes().fault = None;
    }

    /// Notes what stood on standard output and is not of the protocol.
    pub(super) fn note_unreadable(&self, line: &[u8]) {
        let shown = &line[..line.len().min(1000)];
        self.notes().unreadable.get_or_insert_with(|| quoted(&String::from_utf8_lossy(shown)));
    }

    pub(super) fn note_stderr(&self, bytes: &[u8]) {
        self.notes().stderr.push(bytes);
    }

    pub(super) fn note_end_of_stderr(&self) {
        self.silent.send_replace(true);
    }

    /// Waits a short time until the last words of a server that ended have been read.
    pub(super) async fn last_words(&self) {
        let mut silent = self.silent.subscribe();
        let _late = tokio::time::timeout(LAST_WORDS, silent.wait_for(|silent| *silent)).await;
    }

    pub(super) fn note_cut(&self, answer: RequestId, bytes: u64) {
        let mut notes = self.notes();
        // An answer that nobody waits for is never read.
        if bytes > 0 && notes.cut.len() < REMEMBERED {
            notes.cut.insert(answer, bytes);
        }
    }

    /// Bytes that were cut off the answer to `request`.
    pub(super) fn take_cut(&self, request: &RequestId) -> u64 {
        self.notes().cut.remove(request).unwrap_or(0)
    }

    /// The fault that the connection had, or `reason`.
    pub(super) fn fault_or(&self, reason: &str) -> String {
        self.notes().fault.clone().unwrap_or_else(|| reason.to_owned())
    }

    /// `text`, with what the server said of itself.
    pub(super) fn describe(&self, mut text: String) -> String {
        let notes = self.notes();
        if let Some(line) = &notes.unreadable {
            let part = format!("; it wrote `{line}`, which is not a message of MCP");
            text.push_str(&part);
        }
        let stderr = notes.stderr.text();
        let last = stderr.lines().rev().find(|line| !line.trim().is_empty());
        if let Some(last) = last {
            let part = format!("; its last words: `{}`", quoted(last));
            text.push_str(&part);
        }
        text
    }

    /// The fault that the connection had, or `reason`, with what the server said of itself.
    pub(super) fn explain(&self, reason: &str) -> String {
        self.describe(self.fault_or(reason))
    }
}
