//! How a guarded child ended.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Lines of output that a message repeats.
const LINES_SHOWN: usize = 5;

/// The end of a guarded child with all its processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildEnd {
    /// Name of the child.
    pub name: String,
    /// How it ended.
    pub how: HowEnded,
    /// Last lines of its output.
    pub last_lines: Vec<String>,
    /// Processes that even SIGKILL has not ended yet, as a device driver holds them; their memory is
    /// still in use.
    pub left: Vec<u32>,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HowEnded {
    /// By itself, with this exit status.
    Exited(i32),
    /// By a signal that this program did not send.
    Signalled(i32),
    /// Because this program asked for it.
    Stopped {
        /// Whether SIGTERM was not enough within the grace.
        killed: bool,
    },
    /// Its guard was killed, and it was ended for that reason.
    GuardLost,
}

impl fmt::Display for HowEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "exited with status {status}"),
            Self::Signalled(signal) => write!(f, "was ended by signal {signal}"),
            Self::Stopped { killed: false } => f.write_str("was stopped"),
            Self::Stopped { killed: true } => {
                f.write_str("was killed, as it did not end in the time that it had")
            }
            Self::GuardLost => f.write_str("was ended because its guard process was killed"),
        }
    }
}

impl fmt::Display for ChildEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.name, self.how)?;
        if !self.left.is_empty() {
            write!(f, " (processes that do not end: {:?})", self.left)?;
        }
        let shown = &self.last_lines[self.last_lines.len().saturating_sub(LINES_SHOWN)..];
        if !shown.is_empty() {
            f.write_str("; its last output:")?;
        }
        shown.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_names_the_child_its_end_and_its_last_lines() {
        let mut end = ChildEnd {
            name: "ollama".into(),
            how: HowEnded::Exited(1),
            last_lines: Vec::new(),
            left: Vec::new(),
        };
        assert_eq!(end.to_string(), "`ollama` exited with status 1");
        end.last_lines = (0..9).map(|number| format!("line {number}")).collect();
        let message = end.to_string();
        assert!(
            message
                .ends_with("; its last output:\n  line 4\n  line 5\n  line 6\n  line 7\n  line 8")
        );
        end.left = vec![7];
        assert!(end.to_string().contains("(processes that do not end: [7])"));
    }
}
