//! Options of a pull.
//!
//! Invariant: `Debug` output never contains the token.

use std::sync::Arc;

use crate::convert::Quantizer;
use crate::divergence::DivergenceMeter;
use crate::pull::stall::StallPolicy;

/// Options of a pull.
#[derive(Clone)]
pub struct PullOptions {
    /// Base URL of the Hugging Face hub or a mirror.
    pub hub_endpoint: String,
    /// Access token for gated repositories.
    pub hub_token: Option<String>,
    /// Command that runs pip; `download …` is appended.
    pub pip: Vec<String>,
    /// Name in the store; `None` is the catalog name or the file's stem.
    pub name: Option<String>,
    /// Maximum resumptions of an interrupted download without progress; the partial file is kept
    /// for the next pull.
    pub retries: u32,
    /// Conditions for aborting a slow download.
    pub stall_policy: StallPolicy,
    /// Conversion of catalog models with a slow shipped format; `None` keeps the shipped format.
    pub convert: Option<ConvertAtPull>,
}

impl Default for PullOptions {
    fn default() -> Self {
        Self {
            hub_endpoint: "https://huggingface.co".to_owned(),
            hub_token: None,
            pip: ["python3", "-m", "pip"].map(str::to_owned).to_vec(),
            name: None,
            retries: 3,
            stall_policy: StallPolicy::default(),
            convert: None,
        }
    }
}

impl std::fmt::Debug for PullOptions {
    /// Omits the token, as options may be logged.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PullOptions")
            .field("hub_endpoint", &self.hub_endpoint)
            .field("pip", &self.pip)
            .field("name", &self.name)
            .field("retries", &self.retries)
            .field("stall_policy", &self.stall_policy)
            .field("convert", &self.convert)
            .finish_non_exhaustive()
    }
}

/// The conversion of entries with [`crate::CatalogEntry::convert_at_pull`].
#[derive(Clone)]
pub struct ConvertAtPull {
    /// Converter of the weights.
    pub quantizer: Arc<dyn Quantizer>,
    /// Meter of the divergence, by which the result is accepted ([`crate::DIVERGENCE_BOUND`]).
    pub meter: Arc<dyn DivergenceMeter>,
    /// The CPU's features, which determine the format ([`crate::starter_format`]).
    pub features: Vec<String>,
}

impl std::fmt::Debug for ConvertAtPull {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConvertAtPull").field("features", &self.features).finish_non_exhaustive()
    }
}
