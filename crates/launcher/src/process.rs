//! Identity of a process that survives the reuse of its number.

use std::io;

use serde::{Deserialize, Serialize};

/// A process: its number and, where known, its start time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    /// Process number; the system reuses it.
    pub pid: u32,
    /// Boot id and clock tick of its start; absent where the system does not report them.
    pub began: Option<String>,
}

impl ProcessId {
    /// The calling process.
    pub fn own() -> Self {
        let pid = std::process::id();
        Self { pid, began: began(pid) }
    }

    /// Whether this process still runs.
    pub fn is_running(&self) -> bool {
        exists(self.pid) && began(self.pid) == self.began
    }

    /// Sends SIGTERM.
    ///
    /// # Errors
    /// When it has ended already, or belongs to another user.
    #[cfg(target_os = "linux")]
    pub fn terminate(&self) -> io::Result<()> {
        use rustix::process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

        let pid = number(self.pid).ok_or(io::ErrorKind::NotFound)?;
        let process = pidfd_open(pid, PidfdFlags::empty())?;
        // Checked after the descriptor was opened: if this process still runs, the descriptor is
        // of it, and stays so when the number is reused.
        if !self.is_running() {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(pidfd_send_signal(process, Signal::TERM)?)
    }

    /// Sends SIGTERM, by number: this system has no process descriptors.
    ///
    /// # Errors
    /// When it has ended already, or belongs to another user.
    #[cfg(not(target_os = "linux"))]
    pub fn terminate(&self) -> io::Result<()> {
        if !self.is_running() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let pid = number(self.pid).ok_or(io::ErrorKind::NotFound)?;
        Ok(rustix::process::kill_process(pid, rustix::process::Signal::TERM)?)
    }
}

fn number(pid: u32) -> Option<rustix::process::Pid> {
    rustix::process::Pid::from_raw(i32::try_from(pid).ok()?)
}

/// Whether any process has that number.
fn exists(pid: u32) -> bool {
    // A process that may not be signalled exists.
    number(pid).is_some_and(|pid| {
        !matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH))
    })
}

/// Boot id and start tick; `None` for a zombie, which no longer runs.
#[cfg(target_os = "linux")]
fn began(pid: u32) -> Option<String> {
    let stat = procfs::process::Process::new(i32::try_from(pid).ok()?).ok()?.stat().ok()?;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    (!matches!(stat.state, 'Z' | 'X')).then(|| format!("{}/{}", boot.trim(), stat.starttime))
}

#[cfg(not(target_os = "linux"))]
fn began(_pid: u32) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_another_process_has_now_is_not_signalled() {
        let own = ProcessId::own();
        assert!(own.is_running());
        let before = ProcessId { began: Some("another boot/1".to_owned()), ..own };
        assert!(!before.is_running());
        assert_eq!(before.terminate().unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_process_that_was_killed_runs_no_more() {
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let process = ProcessId { pid: child.id(), began: began(child.id()) };
        assert!(process.is_running());
        process.terminate().unwrap();
        child.wait().unwrap();
        assert!(!process.is_running());
    }
}
