//! Re-execution with environment variables that libraries read at load time, before `main`.
//!
//! Setting them in the running process would be too late: the program is executed once more, same
//! process, same arguments.

#[cfg(target_os = "linux")]
use crate::{malloc_environment, openmp};

/// Executes this program once more with the variables that the user has not set, unless all are set
/// or the system refuses. Must be called before anything else.
pub fn with_settings() {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::process::CommandExt;

        let is_set = |name: &str| std::env::var_os(name).is_some();
        let spin_count = (!is_set(openmp::WAIT_POLICY)).then_some(openmp::SPIN_COUNT);
        let settings = spin_count.into_iter().chain(malloc_environment::SETTINGS);
        let missing: Vec<(&str, &str)> = settings.filter(|(name, _)| !is_set(name)).collect();
        if missing.is_empty() {
            return;
        }
        let mut arguments = std::env::args_os();
        let name = arguments.next().unwrap_or_default();
        if let Ok(program) = std::env::current_exe() {
            // Returns only on failure; then the libraries' defaults apply.
            let _ =
                std::process::Command::new(program).arg0(name).args(arguments).envs(missing).exec();
        }
    }
}
