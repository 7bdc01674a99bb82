//! CPUs used by other programs.

use harmonic_perfmodel::Disturbance;

use super::{Advice, Facts, Severity};

/// Reports programs that use so much CPU time that engines and measurements suffer.
pub(super) fn check(facts: &Facts) -> Option<Advice> {
    let disturbance = facts.load.as_ref().and_then(Disturbance::of)?;
    let hint = match disturbance {
        Disturbance::Programs { .. } => {
            "`ps -eo pid,pcpu,comm --sort=-pcpu | head` lists the programs; end those that are not \
             needed"
        }
        Disturbance::Hypervisor { .. } => "move to a machine with CPUs of its own",
    };
    Some(Advice::new(
        "busy",
        Severity::Warning,
        format!("{disturbance} during the last second"),
        "the threads of an engine on the CPU wait for the slowest of them in every layer, and \
         `harmonic bench` and `demo` give no sweet spot on a busy machine",
        hint,
    ))
}
