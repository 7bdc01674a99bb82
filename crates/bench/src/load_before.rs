//! Load of the machine before a run, with the target loaded and no request of ours in flight.
//!
//! Owns: the warnings raised by it, so that a user need not wait for the end of a disturbed run.

use std::time::Duration;

use harmonic_perfmodel::{BUSY_SHARE, Disturbance};
use harmonic_types::LoadFigures;

use crate::findings::{Raised, Subject};
use crate::level_warning::LevelWarning;
use crate::warning::Warning;

/// Length of the measurement where no idle power is measured: the counters advance by 10 ms, so that a
/// second resolves a hundredth of a CPU.
pub const LASTS: Duration = Duration::from_secs(1);

/// Warnings about a machine that is used before the run.
pub(crate) fn warnings(load: &LoadFigures) -> impl Iterator<Item = Raised> + use<> {
    let by_others = Disturbance::of(load)
        .map(|disturbance| Raised::OfLevel(Subject::BeforeRun, LevelWarning::Busy(disturbance)));
    let cpus = load.cpus;
    let in_use = load.own_cpus.filter(|used| *used >= f64::from(cpus) * BUSY_SHARE);
    let by_clients = in_use.map(|used| Raised::OfRun(Warning::ServerInUse { used, cpus }));
    by_others.into_iter().chain(by_clients)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_programs_and_other_clients_are_warned_of() {
        let idle = LoadFigures {
            cpus: 2,
            others_cpus: Some(0.05),
            own_cpus: Some(0.01),
            idle_cpus: Some(1.9),
            ..LoadFigures::default()
        };
        assert_eq!(warnings(&idle).count(), 0);
        let busy = LoadFigures { others_cpus: Some(1.0), idle_cpus: Some(0.9), ..idle };
        let programs = Disturbance::Programs { used: 1.0, cpus: 2 };
        let expected = Raised::OfLevel(Subject::BeforeRun, LevelWarning::Busy(programs));
        assert_eq!(warnings(&busy).collect::<Vec<_>>(), [expected]);
        let in_use = LoadFigures { own_cpus: Some(1.5), ..idle };
        let expected = Raised::OfRun(Warning::ServerInUse { used: 1.5, cpus: 2 });
        assert_eq!(warnings(&in_use).collect::<Vec<_>>(), [expected]);
    }
}
