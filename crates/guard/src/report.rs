//! What the guards tell the owner: lines of JSON on their standard output.

use std::io::{self, BufRead, Read};

use serde::{Deserialize, Serialize};

use crate::child_end::HowEnded;

/// Longest line that the owner reads.
const REPORT_BYTES: u64 = 64 << 10;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Report {
    /// The program runs.
    Started { child: u32, inner: u32 },
    /// The program could not be started.
    NotStarted { reason: String },
    /// A line of its output.
    Line { text: String },
    /// Lines of its output, before the next one, that the owner did not read in time.
    Dropped { lines: u64 },
    /// The program has ended, and all its processes but those `left`.
    Ended { how: HowEnded, left: Vec<u32> },
}

impl Report {
    /// The line.
    pub(crate) fn line(&self) -> io::Result<Vec<u8>> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        Ok(line)
    }

    /// Next report of `input`; `None` at its end. Lines that are none are skipped: a guard that is
    /// killed may leave half of one.
    pub(crate) fn next(input: &mut impl BufRead) -> Option<Self> {
        loop {
            let mut line = Vec::new();
            if input.take(REPORT_BYTES).read_until(b'\n', &mut line).ok()? == 0 {
                return None;
            }
            if let Ok(report) = serde_json::from_slice(&line) {
                return Some(report);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_report_is_skipped_and_the_next_one_is_read() {
        let ended = Report::Ended { how: HowEnded::Stopped { killed: true }, left: vec![3] };
        let mut written = b"{\"Line\":{\"te\n\n".to_vec();
        written.extend(vec![b'x'; 3 * (64 << 10)]);
        written.push(b'\n');
        written.extend(ended.line().unwrap());
        let mut input = written.as_slice();
        assert_eq!(Report::next(&mut input), Some(ended));
        assert_eq!(Report::next(&mut input), None);
    }
}
