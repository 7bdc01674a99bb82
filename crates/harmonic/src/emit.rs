//! What runs a plan without us: files for Ollama, for llama-server, and units for systemd.
//!
//! Owns the way from a [`Plan`] to the texts of the files, and where they go. The texts are pure
//! functions of the plan.
//!
//! Does not do: start anything. What the other programs cannot keep of the plan (slots of one agent
//! on a shared engine, `max_in_flight`) is said in the README that goes with the files.

mod llama_server;
mod ollama;
mod quote;
mod systemd;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context;
use harmonic_types::{AgentPlan, Plan};

use crate::cli::EmitArg;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;

/// One file, not yet written.
#[derive(Clone, Debug, PartialEq, Eq)]
struct EmittedFile {
    /// Its name in the folder.
    name: String,
    text: String,
    executable: bool,
}

impl EmittedFile {
    fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into(), executable: false }
    }

    fn script(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { executable: true, ..Self::new(name, text) }
    }
}

/// Writes what `kind` needs to run `plan` into `folder`, or shows it where there is none.
///
/// # Errors
/// When the plan cannot be expressed, or a file cannot be written. A file that is there already and
/// differs is not written over.
pub fn deliver(
    plan: &Plan,
    kind: EmitArg,
    folder: Option<&Path>,
    printer: &Printer,
) -> anyhow::Result<Exit> {
    let files = files(plan, kind)?;
    let Some(folder) = folder else {
        let shown = files.iter().map(|file| format!("==> {} <==\n{}", file.name, file.text));
        printer.data(shown.collect::<Vec<_>>().join("\n").trim_end())?;
        return Ok(Exit::Ok);
    };
    write(&files, folder)?;
    printer.say(&format!("wrote {} files to {}", files.len(), folder.display()));
    Ok(Exit::Ok)
}

fn files(plan: &Plan, kind: EmitArg) -> Result<Vec<EmittedFile>, Failure> {
    if plan.engines.is_empty() {
        return Err(Failure::new(
            "the plan places no agent, so there is nothing to start",
            "`harmonic plan` says what each agent would need",
        ));
    }
    match kind {
        EmitArg::Ollama => ollama::files(plan),
        EmitArg::LlamaServer => llama_server::files(plan),
        EmitArg::Systemd => systemd::files(plan),
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
fn port(first: u16, index: usize) -> Result<u16, Failure> {
    let index = u16::try_from(index).ok();
    index.and_then(|index| first.checked_add(index)).ok_or_else(|| {
        Failure::new(
            "the plan has more servers than there are ports",
            "plan with --sharing shared, or with fewer agents",
        )
    })
}

fn write(files: &[EmittedFile], folder: &Path) -> anyhow::Result<()> {
    // All are looked at before the first is written.
    for file in files {
        let path = folder.join(&file.name);
        match fs::read(&path) {
            Ok(there) if there != file.text.as_bytes() => {
                let message = format!("{} exists and holds something else", path.display());
                let hint = "remove it, or choose another folder with --out";
                return Err(Failure::new(message, hint).into());
            }
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
            _ => {}
        }
    }
    fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    for file in files {
        let path = folder.join(&file.name);
        fs::write(&path, &file.text)
            .and_then(|()| if file.executable { make_executable(&path) } else { Ok(()) })
            .with_context(|| format!("cannot write {}", path.display()))?;
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
