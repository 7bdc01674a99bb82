//! Reports on their way to the writer.
//!
//! Invariant: adding never waits. Where there is no room, the oldest line of output is dropped: the
//! last ones say why a program ended.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::report::Report;

/// Lines on the way; with the longest ones a few megabytes.
const ROOM: usize = 256;

/// Queue of reports between threads.
#[derive(Debug, Default)]
pub(crate) struct ReportQueue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    reports: VecDeque<Report>,
    dropped: u64,
    closed: bool,
}

impl ReportQueue {
    /// Adds a report.
    pub(crate) fn push(&self, report: Report) {
        let mut waiting = self.locked();
        let is_line = |report: &Report| matches!(report, Report::Line { .. });
        if is_line(&report) && waiting.reports.len() >= ROOM {
            let oldest = waiting.reports.iter().position(is_line);
            waiting.dropped +=
                u64::from(oldest.is_some_and(|at| waiting.reports.remove(at).is_some()));
        }
        waiting.reports.push_back(report);
        self.changed.notify_one();
    }

    /// Lets [`next`](Self::next) end once the queue is empty.
    pub(crate) fn close(&self) {
        self.locked().closed = true;
        self.changed.notify_one();
    }

    /// Next report, once there is one; `None` at the end.
    pub(crate) fn next(&self) -> Option<Report> {
        let idle = |waiting: &mut Waiting| waiting.reports.is_empty() && !waiting.closed;
        let waited = self.changed.wait_while(self.locked(), idle);
        let mut waiting = waited.unwrap_or_else(PoisonError::into_inner);
        // What is dropped is older than the first line that is left.
        if matches!(waiting.reports.front(), Some(Report::Line { .. })) && waiting.dropped > 0 {
            return Some(Report::Dropped { lines: std::mem::take(&mut waiting.dropped) });
        }
        waiting.reports.pop_front()
    }

    fn locked(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::child_end::HowEnded;

    fn line(number: usize) -> Report {
        Report::Line { text: number.to_string() }
    }

    proptest! {
        #[test]
        fn the_last_lines_arrive_and_those_that_do_not_are_counted(before in 0_usize..600, after in 0_usize..600) {
            let queue = ReportQueue::default();
            (0..before).for_each(|number| queue.push(line(number)));
            let started = Report::Started { child: 1, inner: 2 };
            queue.push(started.clone());
            (before..before + after).for_each(|number| queue.push(line(number)));
            let ended = Report::Ended { how: HowEnded::Exited(0), left: Vec::new() };
            queue.push(ended.clone());
            queue.close();
            let reports: Vec<Report> = std::iter::from_fn(|| queue.next()).collect();
            prop_assert!(reports.contains(&started));
            prop_assert_eq!(reports.last(), Some(&ended));
            let dropped: u64 = reports.iter().map(|report| match report {
                Report::Dropped { lines } => *lines,
                _ => 0,
            }).sum();
            let lines: Vec<&Report> =
                reports.iter().filter(|report| matches!(report, Report::Line { .. })).collect();
            let first = usize::try_from(dropped).unwrap();
            let kept: Vec<Report> = (first..before + after).map(line).collect();
            prop_assert_eq!(lines, kept.iter().collect::<Vec<_>>());
            prop_assert!(kept.len() <= ROOM && (dropped == 0 || kept.len() >= ROOM - 1));
        }
    }
}
