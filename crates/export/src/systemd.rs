//! systemd units of the user, for Ollama's servers and for llama-server: two ways to run one plan,
//! which exclude each other, because the budget holds the plan once.

use harmonic_types::Plan;

use super::llama_server::{self, Server};
use super::{ExportedFile, names, ollama, quote};
use crate::error::ExportError;

/// A unit for each server of either kind, and the agents' Modelfiles. The units of llama-server are
/// left out where a model is not here, and the README says so.
pub(super) fn files(plan: &Plan) -> Result<Vec<ExportedFile>, ExportError> {
    let ollamas = ollama::servers(plan)?;
    let llamas = llama_server::servers(plan);
    let ollama_units: Vec<String> =
        ollamas.iter().map(|server| format!("harmonic-ollama-{}.service", server.name)).collect();
    let mut files = Vec::new();
    for (server, name) in ollamas.iter().zip(&ollama_units) {
        let environment = server.environment().into_iter().map(|(variable, value)| {
            format!("Environment={}\n", quote::unit(&format!("{variable}={value}")))
        });
        let text = unit(&Unit {
            what: &format!("Ollama with the slots of {}", server.agents()),
            environment: &environment.collect::<String>(),
            command: &["ollama".to_owned(), "serve".to_owned()],
            conflicts: &[],
        });
        files.push(ExportedFile::new(name, text));
    }
    for server in llamas.iter().flatten() {
        let Server { engine, agents, command, .. } = server;
        let text = unit(&Unit {
            what: &format!("llama-server for {}", names(agents.iter().copied())),
            environment: "",
            command,
            conflicts: &ollama_units,
        });
        files.push(ExportedFile::new(format!("harmonic-llama-{}.service", engine.id), text));
    }
    let llama_units: Vec<String> =
        files[ollamas.len()..].iter().map(|it| it.name.clone()).collect();
    let about_llama = match &llamas {
        Ok(_) => enabling(&llama_units),
        Err(missing) => format!("There are no units for llama-server: {missing}."),
    };
    let readme = format!(
        "{}\n## Units\n\nCopy the units to ~/.config/systemd/user, `systemctl --user \
         daemon-reload`, and enable one of the two sets; each ends the other.\n\nOllama:\n\n{}\n\
         then `./create.sh`, once. llama-server:\n\n{about_llama}\n",
        ollama::readme(plan, &ollamas),
        enabling(&ollama_units),
    );
    files.insert(0, ExportedFile::new("README.md", readme));
    files.extend(ollama::models(&ollamas)?);
    Ok(files)
}

fn enabling(units: &[String]) -> String {
    format!("    systemctl --user enable --now {}\n", units.join(" "))
}

/// What differs from unit to unit.
struct Unit<'a> {
    what: &'a str,
    /// Whole lines.
    environment: &'a str,
    command: &'a [String],
    conflicts: &'a [String],
}

fn unit(unit: &Unit<'_>) -> String {
    let Unit { what, environment, command, conflicts } = unit;
    let words: Vec<String> = command.iter().map(|word| quote::unit(word)).collect();
    let conflicts = match conflicts {
        [] => String::new(),
        units => format!("Conflicts={}\n", units.join(" ")),
    };
    // systemd looks for programs in its own path only; `env` looks in the user's.
    format!(
        "[Unit]\nDescription={what}\n{conflicts}\n[Service]\n{environment}ExecStart=/usr/bin/env \
         {}\nRestart=on-failure\nRestartSec=2\n\n[Install]\nWantedBy=default.target\n",
        words.join(" ")
    )
}
