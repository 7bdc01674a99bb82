//! Export of a plan for other programs: files for Ollama, llama-server and systemd.
//!
//! Owns the texts of the files ([`files`]), which are pure functions of a [`Plan`], and writing
//! them into a folder ([`write()`]).
//!
//! Invariant: an existing file with other content is not overwritten.
//!
//! Does not do: start anything. Parts of the plan that the other programs cannot express (slots of
//! one agent on a shared engine, `max_in_flight`) are listed in the exported README.
#![forbid(unsafe_code)]

mod error;
mod llama_server;
mod ollama;
mod quote;
mod systemd;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use harmonic_types::{AgentPlan, EnginePlan, EngineSpec, Plan};

pub use crate::error::ExportError;

/// Target program of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportKind {
    /// Environments for `ollama serve`, and one Modelfile per agent.
    Ollama,
    /// One command per engine, and the agents' prompts.
    LlamaServer,
    /// systemd user units for either program.
    Systemd,
}

/// One exported file, not yet written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedFile {
    /// File name within the folder.
    pub name: String,
    /// Complete content.
    pub text: String,
    /// Whether the file is executable.
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

/// The files for running `plan` with `kind`.
///
/// # Errors
/// If the plan cannot be expressed for the program.
pub fn files(plan: &Plan, kind: ExportKind) -> Result<Vec<ExportedFile>, ExportError> {
    if plan.engines.is_empty() {
        return Err(ExportError::Empty);
    }
    let remote = |engine: &&EnginePlan| matches!(engine.spec, EngineSpec::Remote(_));
    if let Some(engine) = plan.engines.iter().find(remote) {
        return Err(ExportError::Remote { engine: engine.id.clone() });
    }
    match kind {
        ExportKind::Ollama => ollama::files(plan),
        ExportKind::LlamaServer => llama_server::files(plan),
        ExportKind::Systemd => systemd::files(plan),
    }
}

/// Skipped agents as a line of a README; `None` if all are placed.
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

/// Writes `files` into `folder`, which is created if absent.
///
/// # Errors
/// If a file cannot be written, or an existing one differs; in the latter case none is written.
pub fn write(files: &[ExportedFile], folder: &Path) -> Result<(), ExportError> {
    let failed = |action, path: &Path| {
        let path = path.to_owned();
        move |source| ExportError::Io { action, path, source }
    };
    // All are checked before the first is written.
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
    fs::create_dir_all(folder).map_err(failed("create the folder", folder))?;
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
