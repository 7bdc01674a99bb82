//! How to pull: what the caller's settings decide.
//!
//! Invariant: printing options never shows the token.

use std::sync::Arc;

use crate::convert::Quantizer;
use crate::divergence::DivergenceMeter;
use crate::pull::stall::StallPolicy;

/// How to pull.
#[derive(Clone)]
pub struct PullOptions {
    /// Base URL of the Hugging Face hub or a mirror of it.
    pub hub_endpoint: String,
    /// Access token for gated repositories.
    pub hub_token: Option<String>,
    /// Command that runs pip; `download …` is appended.
    pub pip: Vec<String>,
    /// Name in the store; `None` takes the catalog name or the file's stem.
    pub name: Option<String>,
    /// How often an interrupted download is resumed before giving up; what has arrived is kept for
    /// the next pull in any case.
    pub retries: u32,
    /// How slow a source may be before it is given up.
    pub stall_policy: StallPolicy,
    /// How to convert a catalog model whose shipped format is slow; `None` leaves it as shipped.
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
    /// Leaves the token out: options end up in logs.
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
    /// Does the arithmetic.
    pub quantizer: Arc<dyn Quantizer>,
    /// Says how far the result is from the original: it is used only where that is near
    /// ([`crate::DIVERGENCE_BOUND`]).
    pub meter: Arc<dyn DivergenceMeter>,
    /// The CPU's features, which decide the format ([`crate::starter_format`]).
    pub features: Vec<String>,
}

impl std::fmt::Debug for ConvertAtPull {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConvertAtPull").field("features", &self.features).finish_non_exhaustive()
    }
}
