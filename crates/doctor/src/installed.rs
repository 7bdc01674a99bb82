//! Engines of others that are installed on a machine.

use harmonic_hardware::Sysroot;

use super::Facts;
use super::setting::{LLAMA_SERVER, OLLAMA};

/// Name of the variable with the directories of programs.
pub(super) const PATH: &str = "PATH";

/// Directories of programs where `PATH` is not known, or leaves them out.
const DIRECTORIES: [&str; 6] = [
    "/usr/local/bin",
    "/usr/bin",
    "/bin",
    "/snap/bin",
    "/opt/homebrew/bin",
    "/home/linuxbrew/.linuxbrew/bin",
];

/// The engines whose program is installed, or that run, below `root`.
pub(super) fn engines(root: &Sysroot, facts: &Facts) -> Vec<&'static str> {
    let path = facts.environment.get(PATH).map_or("", String::as_str);
    let directories: Vec<&str> =
        path.split(':').filter(|entry| entry.starts_with('/')).chain(DIRECTORIES).collect();
    let has_program =
        |name: &str| directories.iter().any(|entry| root.path(&format!("{entry}/{name}")).exists());
    let runs = |name: &str| {
        let ids = root.list("/proc").unwrap_or_default();
        let mut ids = ids.into_iter().filter(|id| id.bytes().all(|byte| byte.is_ascii_digit()));
        ids.any(|id| {
            let name_of = root.read(&format!("/proc/{id}/comm")).ok().flatten();
            name_of.is_some_and(|found| found.trim() == name)
        })
    };
    [OLLAMA, LLAMA_SERVER].into_iter().filter(|name| has_program(name) || runs(name)).collect()
}
