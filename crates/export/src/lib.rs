//! What runs a plan without us: files for Ollama, for llama-server, and units for systemd.
//!
//! Owns the way from a [`Plan`] to the texts of the files ([`files`]), and into a folder ([`write()`]).
//! The texts are pure functions of the plan.
//!
//! Invariant: a file that is there already and differs is not written over.
//!
//! Does not do: start anything. What the other programs cannot keep of the plan (slots of one agent
//! on a shared engine, `max_in_flight`) is said in the README that goes with the files.
#![forbid(unsafe_code)]

mod error;
mod llama_server;
mod ollama;
mod quote;
mod systemd;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use harmonic_types::{AgentPlan, Plan};

pub use crate::error::ExportError;

/// What a plan is exported to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportKind {
    /// Environments for `ollama serve`, and a Modelfile for each agent.
    Ollama,
    /// A command for each engine, and the agents' prompts.
    LlamaServer,
    /// systemd units of the user, for either.
    Systemd,
}

/// One file, not yet written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedFile {
    /// Its name in the folder.
    pub name: String,
    /// All that it holds.
    pub text: String,
    /// Whether it is a program.
    pub executable: bool,
}

impl ExportedFile {
    fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into(), executable: false }
    }

    fn script(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { executable: true, ..Self::new(name, text) }
    }
}

/// The files that `kind` needs to run `plan`.
///
/// # Errors
/// When the plan cannot be expressed.
pub fn files(plan: &Plan, kind: ExportKind) -> Result<Vec<ExportedFile>, ExportError> {
    if plan.engines.is_empty() {
        return Err(ExportError::Empty);
    }
    match kind {
        ExportKind::Ollama => ollama::files(plan),
        ExportKind::LlamaServer => llama_server::files(plan),
        ExportKind::Systemd => systemd::files(plan),
    }
}

/// Agents that the plan skips, as a line for a README; nothing where it places all.
fn skipped(plan: &Plan) -> Option<String> {
    let skipped = plan.agents.iter().filter(|agent| agent.engine.is_none());
    let names: Vec<&str> = skipped.map(|agent| agent.name.0.as_str()).collect();
    (!names.is_empty()).then(|| format!("Not placed by the plan: {}.", names.join(", ")))
}

/// Names of agents, comma-separated.
fn names<'a>(agents: impl IntoIterator<Item = &'a AgentPlan>) -> String {
    agents.into_iter().map(|agent| agent.name.0.as_str()).collect::<Vec<_>>().join(", ")
}

/// The `index`th port from `first`.
fn port(first: u16, index: usize) -> Result<u16, ExportError> {
    let index = u16::try_from(index).ok();
    index.and_then(|index| first.checked_add(index)).ok_or(ExportError::Ports)
}

/// Writes `files` into `folder`, which is made where it does not exist.
///
/// # Errors
/// When a file cannot be written, or one that is there already differs; then none is written.
pub fn write(files: &[ExportedFile], folder: &Path) -> Result<(), ExportError> {
    let failed = |action, path: &Path| {
        let path = path.to_owned();
        move |source| ExportError::Io { action, path, source }
    };
    // All are looked at before the first is written.
    for file in files {
        let path = folder.join(&file.name);
        match fs::read(&path) {
            Ok(there) if there != file.text.as_bytes() => {
                return Err(ExportError::Occupied { path });
            }
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(failed("read", &path)(error));
            }
            _ => {}
        }
    }
    fs::create_dir_all(folder).map_err(failed("make the folder", folder))?;
    for file in files {
        let path = folder.join(&file.name);
        fs::write(&path, &file.text)
            .and_then(|()| if file.executable { make_executable(&path) } else { Ok(()) })
            .map_err(failed("write", &path))?;
    }
    Ok(())
}

#[cfg(unix)]
fn make_executable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests;
