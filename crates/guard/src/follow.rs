//! The thread of the owner that reads a guard's reports.

use std::io::BufReader;
use std::process::ChildStdout;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use harmonic_types::counted;
use tokio::sync::watch;

use crate::child::{GuardProcess, Started};
use crate::child_end::{ChildEnd, HowEnded};
use crate::ending::{GRACE, end};
use crate::marked::Marked;
use crate::process_list::pid;
use crate::recent_lines::RecentLines;
use crate::report::Report;

/// What the thread works on.
#[derive(Debug)]
pub(crate) struct Follower {
    pub(crate) name: String,
    pub(crate) marker: String,
    pub(crate) guard: Arc<GuardProcess>,
    pub(crate) lines: Arc<RecentLines>,
    /// Takes how the start went. Dropped without it, if the guard ends first.
    pub(crate) started: SyncSender<Result<Started, String>>,
    pub(crate) end: watch::Sender<Option<ChildEnd>>,
}

impl Follower {
    /// Gives the guard its task, and reads its reports until it ends.
    pub(crate) fn follow(self, task: &[u8], reports: ChildStdout) {
        self.guard.request(task);
        let mut reports = BufReader::new(reports);
        let (mut begun, mut refusal, mut ending) = (None, None, None);
        while let Some(report) = Report::next(&mut reports) {
            match report {
                Report::Started { child, inner } => {
                    begun = Some(child);
                    if self.started.send(Ok(Started { child, inner })).is_err() {
                        // Whoever wanted it has given up.
                        self.guard.close();
                    }
                }
                Report::NotStarted { reason } => refusal = Some(reason),
                Report::Line { text } => self.note(text),
                Report::Dropped { lines } => {
                    self.note(format!("[{} left out]", counted(lines, "line")));
                }
                Report::Ended { how, left } => {
                    // Who waits need not wait for what does not end.
                    if !left.is_empty() {
                        self.publish(how, left.clone());
                    }
                    ending = Some((how, left));
                }
            }
        }
        self.guard.reap();
        if let Some(reason) = refusal {
            // Whoever wanted to know may have given up.
            let _late = self.started.send(Err(reason));
            return;
        }
        let Some(child) = begun else { return };
        let (how, left) = ending.unwrap_or_else(|| {
            // Both guards were killed.
            let mut marked = Marked { marker: &self.marker, group: pid(child) };
            (HowEnded::GuardLost, end(&mut marked, GRACE, || None).left)
        });
        self.publish(how, left);
    }

    fn note(&self, line: String) {
        tracing::info!(engine = self.name, "{line}");
        self.lines.push(line);
    }

    /// Publishes the end, unless that has been done.
    fn publish(&self, how: HowEnded, left: Vec<u32>) {
        self.end.send_if_modified(|end| {
            let first = end.is_none();
            end.get_or_insert_with(|| ChildEnd {
                name: self.name.clone(),
                how,
                last_lines: self.lines.all(),
                left,
            });
            first
        });
    }
}
