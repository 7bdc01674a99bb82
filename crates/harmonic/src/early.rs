//! Settings that libraries read when they are loaded, before `main`.
//!
//! The only way to make them is to start once more: same process, same arguments.

#[cfg(target_os = "linux")]
use crate::{allocator, openmp};

/// Starts this program once more with the settings that the user has not made, unless there are none
/// or the system cannot. Call it before anything else.
pub fn settle() {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::process::CommandExt;

        let is_set = |name: &str| std::env::var_os(name).is_some();
        let spins = (!is_set(openmp::POLICY)).then_some(openmp::SPINS);
        let wanted = spins.into_iter().chain(allocator::SETTINGS);
        let missing: Vec<(&str, &str)> = wanted.filter(|(name, _)| !is_set(name)).collect();
        if missing.is_empty() {
            return;
        }
        let mut arguments = std::env::args_os();
        let name = arguments.next().unwrap_or_default();
        if let Ok(program) = std::env::current_exe() {
            // Returns only where it failed; then the defaults have to do.
            let _ =
                std::process::Command::new(program).arg0(name).args(arguments).envs(missing).exec();
        }
    }
}
