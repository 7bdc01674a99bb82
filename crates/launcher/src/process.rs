//! A process that cannot be mistaken for another that has its number later.

use std::io;

use serde::{Deserialize, Serialize};

/// A process: its number, and when it began where the system tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    /// Its number, which the system gives to another one later.
    pub pid: u32,
    /// The boot and the clock tick in which it began; absent where the system does not tell.
    pub began: Option<String>,
}

impl ProcessId {
    /// The process that calls.
    pub fn own() -> Self {
        let pid = std::process::id();
        Self { pid, began: began(pid) }
    }

    /// Whether it still runs.
    pub fn runs(&self) -> bool {
        exists(self.pid) && began(self.pid) == self.began
    }

    /// Asks it to end (SIGTERM).
    ///
    /// # Errors
    /// When it has ended already, or belongs to somebody else.
    #[cfg(target_os = "linux")]
    pub fn ask_to_end(&self) -> io::Result<()> {
        use rustix::process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

        let pid = number(self.pid).ok_or(io::ErrorKind::NotFound)?;
        let process = pidfd_open(pid, PidfdFlags::empty())?;
        // After the descriptor was opened: the process of the mark is older, so if it is there
        // still, the descriptor is of no other, and stays so whoever gets the number next.
        if !self.runs() {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(pidfd_send_signal(process, Signal::TERM)?)
    }

    /// Asks it to end (SIGTERM), by its number: this system has no descriptors of processes.
    ///
    /// # Errors
    /// When it has ended already, or belongs to somebody else.
    #[cfg(not(target_os = "linux"))]
    pub fn ask_to_end(&self) -> io::Result<()> {
        if !self.runs() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let pid = number(self.pid).ok_or(io::ErrorKind::NotFound)?;
        Ok(rustix::process::kill_process(pid, rustix::process::Signal::TERM)?)
    }
}

fn number(pid: u32) -> Option<rustix::process::Pid> {
    rustix::process::Pid::from_raw(i32::try_from(pid).ok()?)
}

/// Whether there is a process of that number.
fn exists(pid: u32) -> bool {
    // One that may not be signalled is there.
    number(pid).is_some_and(|pid| {
        !matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH))
    })
}

/// When it began. A process that has ended and was not waited for runs no more.
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
        assert!(own.runs());
        let before = ProcessId { began: Some("another boot/1".to_owned()), ..own };
        assert!(!before.runs());
        assert_eq!(before.ask_to_end().unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_process_that_was_killed_runs_no_more() {
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let mark = ProcessId { pid: child.id(), began: began(child.id()) };
        assert!(mark.runs());
        mark.ask_to_end().unwrap();
        child.wait().unwrap();
        assert!(!mark.runs());
    }
}
