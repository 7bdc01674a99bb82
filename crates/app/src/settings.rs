//! Folders, addresses and secrets of the app, read by the caller from environment and arguments.

use std::collections::BTreeMap;
use std::path::PathBuf;

use harmonic_api::{Client, ClientError};
use harmonic_engine::constraint::FormTrial;
use harmonic_launcher::InstanceRegistry;
use harmonic_models::{CacheRoots, PullOptions, Store};
use harmonic_types::RunToken;

use crate::engines::EngineProcesses;
use crate::tool_processes::ToolProcesses;

/// Folders, addresses and secrets.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Model store.
    pub store: Store,
    /// Folder of curves measured on this machine.
    pub curves: PathBuf,
    /// Folder of tuned configs measured on this machine.
    pub tuned: PathBuf,
    /// Folder of the verdicts of evaluations on this machine.
    pub verdicts: PathBuf,
    /// Folder of benchmark runs.
    pub benches: PathBuf,
    /// Registry of running instances.
    pub instances: InstanceRegistry,
    /// Folder of the logs of teams in the background.
    pub logs: PathBuf,
    /// Folder of the journals of runs.
    pub journals: PathBuf,
    /// File of the API keys that our server accepts.
    pub keys: PathBuf,
    /// API key that our clients send; `None` for none.
    pub api_key: Option<String>,
    /// Token of the run that has started this process; `None` for none.
    pub within: Option<RunToken>,
    /// Model caches of other tools.
    pub caches: CacheRoots,
    /// Sources and limits of pulls.
    pub pull: PullOptions,
    /// Default port of a server.
    pub port: u16,
    /// Default stack.
    pub stack: String,
    /// Values of [`harmonic_doctor::VARIABLES`] in the environment.
    pub variables: BTreeMap<String, String>,
    /// Name of this machine, for records.
    pub host: String,
    /// Command that tries a costly form in a separate process; `None` for no trial.
    pub form_trial: Option<FormTrial>,
    /// How processes of tools are started; `None` starts none.
    pub tool_processes: Option<ToolProcesses>,
    /// How engines that are programs of others are started.
    pub engine_processes: EngineProcesses,
}

impl Settings {
    /// Port of a server, unless configured.
    pub const DEFAULT_PORT: u16 = 4276;

    /// Stack file that is used where it exists and nobody names a stack.
    pub const STACK_FILE: &'static str = "./stack.toml";

    /// Client of the server at `url`, with our API key, and within the run that has started this
    /// process.
    ///
    /// # Errors
    /// When the URL or the key is invalid.
    pub fn client(&self, url: &str) -> Result<Client, ClientError> {
        let mut client = Client::new(url)?;
        if let Some(run) = &self.within {
            client = client.within(run);
        }
        match &self.api_key {
            Some(key) => client.with_key(key),
            None => Ok(client),
        }
    }
}
