//! systemd user units for Ollama and for llama-server: two alternatives, which exclude each other,
//! because the budget allows one instance of the plan.

use harmonic_types::Plan;

use super::llama_server::{self, Server};
use super::{ExportedFile, names, ollama, quote};
use crate::error::ExportError;

/// One unit per server of either program, and the agents' Modelfiles. If a model is absent, units
/// for llama-server are omitted and the README states the reason.
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
            description: &format!("Ollama with the slots of {}", server.agents()),
            environment: &environment.collect::<String>(),
            command: &["ollama".to_owned(), "serve".to_owned()],
            conflicts: &[],
        });
        files.push(ExportedFile::new(name, text));
    }
    for server in llamas.iter().flatten() {
        let Server { engine, agents, command, .. } = server;
        let text = unit(&Unit {
            description: &format!("llama-server for {}", names(agents.iter().copied())),
            environment: "",
            command,
            conflicts: &ollama_units,
        });
        files.push(ExportedFile::new(format!("harmonic-llama-{}.service", engine.id), text));
    }
    let llama_units: Vec<String> =
        files[ollamas.len()..].iter().map(|it| it.name.clone()).collect();
    let llama_section = match &llamas {
        Ok(_) => enabling(&llama_units),
        Err(missing) => format!("No units for llama-server: {missing}."),
    };
    let readme = format!(
        "{}\n## Units\n\nCopy the units to ~/.config/systemd/user, `systemctl --user \
         daemon-reload`, and enable one of the two sets; each stops the other.\n\nOllama:\n\n{}\n\
         then `./create.sh`, once. llama-server:\n\n{llama_section}\n",
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

/// Variable parts of a unit.
struct Unit<'a> {
    description: &'a str,
    /// Complete lines.
    environment: &'a str,
    command: &'a [String],
    conflicts: &'a [String],
}

fn unit(unit: &Unit<'_>) -> String {
    let Unit { description, environment, command, conflicts } = unit;
    let words: Vec<String> = command.iter().map(|word| quote::unit(word)).collect();
    let conflicts = match conflicts {
        [] => String::new(),
        units => format!("Conflicts={}\n", units.join(" ")),
    };
    // systemd searches only its own path for programs; `env` searches the user's.
    format!(
        "[Unit]\nDescription={description}\n{conflicts}\n[Service]\n{environment}ExecStart=/usr/bin/env \
         {}\nRestart=on-failure\nRestartSec=2\n\n[Install]\nWantedBy=default.target\n",
        words.join(" ")
    )
}
