//! The last lines of a child's output.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Lines that are kept.
const KEPT: usize = 64;

/// Ring of the last lines.
#[derive(Debug, Default)]
pub(crate) struct RecentLines(Mutex<VecDeque<String>>);

impl RecentLines {
    pub(crate) fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// The lines, oldest first.
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_in_order() {
        let lines = RecentLines::default();
        (0..KEPT + 3).for_each(|number| lines.push(number.to_string()));
        let kept = lines.all();
        assert_eq!((kept.len(), kept[0].as_str(), kept[KEPT - 1].as_str()), (KEPT, "3", "66"));
    }
}
