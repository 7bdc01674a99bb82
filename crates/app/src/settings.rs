//! Folders, addresses and secrets of the app. The caller reads them; here no environment is read.

use std::collections::BTreeMap;
use std::path::PathBuf;

use harmonic_api::{Client, ClientError};
use harmonic_engine::constraint::FormTrial;
use harmonic_launcher::Runs;
use harmonic_models::{CacheRoots, PullOptions, Store};

/// Folders, addresses and secrets.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The models.
    pub store: Store,
    /// Folder of curves that were measured here.
    pub curves: PathBuf,
    /// Folder of tuned configs that were measured here.
    pub tuned: PathBuf,
    /// Folder of benchmark runs.
    pub benches: PathBuf,
    /// Records of the deployments that run.
    pub runs: Runs,
    /// Folder of the logs of deployments in the background.
    pub logs: PathBuf,
    /// File of the API keys that let in.
    pub keys: PathBuf,
    /// API key shown to a server that wants one.
    pub api_key: Option<String>,
    /// Caches of other tools.
    pub caches: CacheRoots,
    /// Sources of models.
    pub pull: PullOptions,
    /// Port of a server unless told otherwise.
    pub port: u16,
    /// Stack unless told otherwise.
    pub stack: String,
    /// Those of [`harmonic_doctor::VARIABLES`] that are set, which an engine would inherit.
    pub variables: BTreeMap<String, String>,
    /// Name of this machine, for records.
    pub host: String,
    /// How a costly form is tried in a process apart; `None` for not at all.
    pub form_trial: Option<FormTrial>,
}

impl Settings {
    /// A client of the server at `url`, which shows our key.
    ///
    /// # Errors
    /// When the URL is none, or the key cannot be sent.
    pub fn client(&self, url: &str) -> Result<Client, ClientError> {
        let client = Client::new(url)?;
        match &self.api_key {
            Some(key) => client.with_key(key),
            None => Ok(client),
        }
    }
}
