//! The effective settings of Ollama on this machine.
//!
//! In order of precedence: the environment of the running server, if this user may read it; its
//! systemd unit with all drop-ins; otherwise unknown, which is reported.

mod unit;

use std::collections::BTreeMap;

use harmonic_hardware::{HardwareError, Sysroot};
use harmonic_types::Hardware;

use super::setting::{KV_PER_TOKEN, PAPER_PARALLEL};
use super::{Advice, Facts, Severity};

const PARALLEL: &str = "OLLAMA_NUM_PARALLEL";

/// An installation of Ollama, running or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ollama {
    /// Process of the running server.
    running: Option<u32>,
    /// `None` if unknown.
    settings: Option<Settings>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Settings {
    /// Path of the source.
    path: String,
    variables: BTreeMap<String, String>,
}

impl Ollama {
    /// `None` if there is neither a server nor a unit.
    pub(super) fn find(root: &Sysroot) -> Result<Option<Self>, HardwareError> {
        let running = server(root)?;
        let own = running.and_then(|id| environment(root, id));
        let settings = match own {
            Some(settings) => Some(settings),
            None => unit::variables(root)?,
        };
        let found = running.is_some() || settings.is_some();
        Ok(found.then_some(Self { running, settings }))
    }

    /// A variable of the server, if its settings are known.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.settings.as_ref()?.variables.get(name).map(String::as_str)
    }

    /// Reports an unsuitable number of slots.
    pub(super) fn check(&self, hardware: &Hardware, facts: &Facts) -> Option<Advice> {
        let Some(settings) = &self.settings else { return Some(self.unknown()) };
        let wanted = if facts.paper { PAPER_PARALLEL } else { hardware.peak_parallel };
        let severity = if self.running.is_some() { Severity::Warning } else { Severity::Note };
        let seen = match settings.variables.get(PARALLEL).map(|value| value.trim().parse::<u32>()) {
            None => format!("{PARALLEL} is unset in {}, so it is 1", settings.path),
            // Ollama uses its default for 0 and for invalid numbers.
            Some(Ok(0) | Err(_)) => {
                format!("{PARALLEL} in {} is not a number above 0, so it is 1", settings.path)
            }
            Some(Ok(1)) => format!("{PARALLEL} is 1 in {}", settings.path),
            Some(Ok(slots)) if slots > hardware.max_parallel && !facts.paper => {
                return Some(excessive(slots, hardware, &settings.path));
            }
            Some(Ok(_)) => return None,
        };
        Some(Advice::new(
            "ollama-num-parallel",
            severity,
            format!("Ollama answers one request at a time: {seen}"),
            "the paper measured 51 tok/s with 1 request and 61 with 8; with slots for all, 8 gave 2.5 \
             times 1 (its table, §4.1; its text says 5)",
            set(wanted),
        ))
    }

    fn unknown(&self) -> Advice {
        let id = self.running.map_or_else(|| "PID".to_owned(), |id| id.to_string());
        Advice::new(
            "ollama-settings-unknown",
            Severity::Note,
            format!("Ollama is running (process {id}) with unknown settings"),
            format!("{PARALLEL} defaults to 1, and requests then run one after the other"),
            format!("`sudo cat /proc/{id}/environ | tr '\\0' '\\n' | grep OLLAMA_` shows them"),
        )
    }
}

/// Reports more slots than the machine benefits from: all are reserved when the model is loaded.
fn excessive(slots: u32, hardware: &Hardware, path: &str) -> Advice {
    let tokens = 2048 * u64::from(slots);
    let reserved = harmonic_types::Bytes(KV_PER_TOKEN.0 * tokens);
    Advice::new(
        "ollama-num-parallel-high",
        Severity::Note,
        format!("{PARALLEL} is {slots} in {path}"),
        format!(
            "Ollama reserves every slot: {reserved} for qwen3:4b at 2048 tokens, on a machine \
             without gain beyond {}",
            hardware.max_parallel
        ),
        set(hardware.peak_parallel),
    )
}

/// The command that sets the slots of Ollama's service.
fn set(slots: u32) -> String {
    format!(
        "`sudo mkdir -p /etc/systemd/system/ollama.service.d && printf \
         '[Service]\\nEnvironment={PARALLEL}={slots}\\n' | sudo tee \
         /etc/systemd/system/ollama.service.d/parallel.conf && sudo systemctl daemon-reload && sudo \
         systemctl restart ollama`; without systemd `{PARALLEL}={slots} ollama serve`"
    )
}

/// Process ID of the server. Ollama's clients and runners have the same name and other arguments.
fn server(root: &Sysroot) -> Result<Option<u32>, HardwareError> {
    let mut ids = root.list("/proc")?.into_iter().filter_map(|name| name.parse::<u32>().ok());
    // A process that ends meanwhile has no files and is skipped.
    let text = |id: u32, file: &str| root.read(&format!("/proc/{id}/{file}")).ok().flatten();
    let serves = |id: &u32| {
        text(*id, "comm").is_some_and(|name| name.trim() == "ollama")
            && text(*id, "cmdline").is_some_and(|all| all.split('\0').any(|word| word == "serve"))
    };
    Ok(ids.find(serves))
}

/// The environment of a process; `None` if this user may not read it.
fn environment(root: &Sysroot, id: u32) -> Option<Settings> {
    let path = format!("/proc/{id}/environ");
    let text = root.read(&path).ok().flatten()?;
    let pairs = text.split('\0').filter_map(|pair| pair.split_once('='));
    let variables = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Some(Settings { path, variables })
}
