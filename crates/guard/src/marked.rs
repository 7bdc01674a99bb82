//! Processes of a child that has lost both of its guards.

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

use crate::ending::Processes;
use crate::process_list::{marked, number};

/// The processes that carry a marker in their environment; where the system does not list
/// processes, those of the group.
#[derive(Debug)]
pub(crate) struct Marked<'a> {
    pub(crate) marker: &'a str,
    /// Group that the program led.
    pub(crate) group: Option<Pid>,
}

impl Marked<'_> {
    /// Where processes are listed, the group's number is not used: its leader may have been waited
    /// for, and the number be that of others.
    fn unlisted_group(&self) -> Option<Pid> {
        self.group.filter(|_| !cfg!(target_os = "linux"))
    }
}

impl Processes for Marked<'_> {
    fn living(&mut self) -> Vec<u32> {
        let group = self.unlisted_group().filter(|group| test_kill_process_group(*group).is_ok());
        let listed = marked(self.marker).into_iter().map(|process| process.number);
        group.map(number).into_iter().chain(listed).collect()
    }

    fn signal(&mut self, signal: Signal) {
        if let Some(group) = self.unlisted_group() {
            // An error means that all have ended.
            let _ended = kill_process_group(group, signal);
        }
        for process in marked(self.marker) {
            process.signal(signal);
        }
    }
}
