//! The end of several processes: SIGTERM, a grace, SIGKILL.

use std::time::{Duration, Instant};

use rustix::process::Signal;

/// Grace between SIGTERM and SIGKILL where nobody gives another: when the owner is gone, or the
/// program has ended and left processes behind.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// Time for the kernel to end processes that were killed. Beyond it they are reported as left: a
/// device driver can hold them for as long as it likes.
const DYING: Duration = Duration::from_secs(10);

/// Time between two looks.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Processes that end together.
pub(crate) trait Processes {
    /// Those that have not ended.
    fn living(&mut self) -> Vec<u32>;

    /// Sends a signal to all of them.
    fn signal(&mut self, signal: Signal);
}

/// Result of [`end`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    /// Whether SIGKILL was sent.
    pub(crate) killed: bool,
    /// Processes that have not ended all the same.
    pub(crate) left: Vec<u32>,
}

/// Ends `processes`. `shorter` gives the graces of further requests, of which the one that ends
/// first holds.
pub(crate) fn end(
    processes: &mut impl Processes,
    grace: Duration,
    mut shorter: impl FnMut() -> Option<Duration>,
) -> Ending {
    let mut left = processes.living();
    if left.is_empty() {
        return Ending { killed: false, left };
    }
    if !grace.is_zero() {
        processes.signal(Signal::TERM);
    }
    let mut until = Instant::now() + grace;
    loop {
        left = processes.living();
        if left.is_empty() {
            return Ending { killed: false, left };
        }
        let now = Instant::now();
        if let Some(grace) = shorter() {
            until = until.min(now + grace);
        }
        if now >= until {
            break;
        }
        std::thread::sleep(TICK);
    }
    let until = Instant::now() + DYING;
    // Repeated, as a process may have been started while the others were killed.
    while !left.is_empty() && Instant::now() < until {
        processes.signal(Signal::KILL);
        std::thread::sleep(TICK);
        left = processes.living();
    }
    Ending { killed: true, left }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Processes that end at the signal `ends_at` once they got it `times` times.
    struct Stubborn {
        ends_at: Signal,
        times: u32,
        got: Vec<Signal>,
    }

    impl Processes for Stubborn {
        fn living(&mut self) -> Vec<u32> {
            let heard = self.got.iter().filter(|signal| **signal == self.ends_at).count();
            if heard >= self.times as usize { Vec::new() } else { vec![1] }
        }

        fn signal(&mut self, signal: Signal) {
            self.got.push(signal);
        }
    }

    fn stubborn(ends_at: Signal, times: u32) -> Stubborn {
        Stubborn { ends_at, times, got: Vec::new() }
    }

    #[test]
    fn what_ends_at_sigterm_is_not_killed() {
        let mut processes = stubborn(Signal::TERM, 1);
        let ending = end(&mut processes, Duration::from_hours(1), || None);
        assert_eq!(ending, Ending { killed: false, left: Vec::new() });
        assert_eq!(processes.got, [Signal::TERM]);
    }

    #[test]
    fn what_does_not_is_killed_until_nothing_is_left() {
        let mut processes = stubborn(Signal::KILL, 3);
        let ending = end(&mut processes, Duration::from_millis(1), || None);
        assert_eq!(ending, Ending { killed: true, left: Vec::new() });
        assert_eq!(processes.got, [Signal::TERM, Signal::KILL, Signal::KILL, Signal::KILL]);
    }

    #[test]
    fn without_a_grace_nothing_is_asked_to_end() {
        let mut processes = stubborn(Signal::KILL, 1);
        assert!(end(&mut processes, Duration::ZERO, || None).killed);
        assert_eq!(processes.got, [Signal::KILL]);
    }

    #[test]
    fn a_later_request_shortens_the_grace_and_never_lengthens_it() {
        let mut requests = [Some(Duration::from_hours(9)), Some(Duration::ZERO)].into_iter();
        let mut processes = stubborn(Signal::KILL, 1);
        assert!(end(&mut processes, Duration::from_hours(1), || requests.next().flatten()).killed);
    }

    #[test]
    fn where_nothing_runs_nothing_is_signalled() {
        let mut processes = stubborn(Signal::KILL, 0);
        assert!(!end(&mut processes, GRACE, || None).killed);
        assert_eq!(processes.got, []);
    }
}
