//! Processes of this machine, where the system lists them.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod unlisted;

#[cfg(target_os = "linux")]
pub(crate) use linux::{
    Process, adopt_orphans, descendants, end_with_parent, marked, reap_adopted,
};
#[cfg(not(target_os = "linux"))]
pub(crate) use unlisted::{
    Process, adopt_orphans, descendants, end_with_parent, marked, reap_adopted,
};

use rustix::process::Pid;

/// Process number as the system calls take it.
pub(crate) fn pid(number: u32) -> Option<Pid> {
    i32::try_from(number).ok().and_then(Pid::from_raw)
}

/// Process number as it is printed.
pub(crate) fn number(pid: Pid) -> u32 {
    pid.as_raw_pid().unsigned_abs()
}
