//! Downloads that a stack needs before it can start, as a user must know them to agree.
//!
//! Invariants: a size that no source states is absent, never zero; a rate is measured or absent.
//!
//! Does not do: the question, the downloads ([`crate::models::fetch`]).

use std::path::PathBuf;

use futures::future::join_all;
use harmonic_models::{DiskSpace, MeasuredRate};
use harmonic_types::{AgentName, Bytes, Hardware, StackSpec};

use crate::error::{Result, one_line};
use crate::models::{self, MissingModel};
use crate::needed_models::{Need, NeededModels};
use crate::settings::Settings;
use crate::team_request::TeamRequest;

/// Download size above which the user is asked.
const CONSENT_ABOVE: Bytes = Bytes(1_000_000_000);

/// The stack that is small enough for any machine.
pub const STARTER: &str = "starter";

/// Downloads of one stack.
#[derive(Clone, Debug, PartialEq)]
pub struct Downloads {
    /// Name of the stack.
    pub stack: String,
    /// Models that it needs and that are not on this machine.
    pub models: Vec<MissingModel>,
    /// Agents for which nothing is fetched, because the plan leaves them out.
    pub left_out: Vec<AgentName>,
    /// Memory budget of the plan.
    pub budget: Bytes,
    /// Folder of the store.
    pub store: PathBuf,
    /// Space on the store's disk; `None` if it cannot be queried.
    pub space: Option<DiskSpace>,
    /// Rate of the first model's source.
    pub rate: DownloadRate,
    /// Bytes to fetch for the stack [`STARTER`]; `None` where it is no smaller alternative.
    pub starter: Option<Bytes>,
}

/// Rate at which the source of a model sends.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum DownloadRate {
    /// Not measured, or not measurable.
    #[default]
    Unknown,
    /// Measured now.
    Measured(MeasuredRate),
    /// The source does not answer, for this reason.
    Unreachable(String),
}

impl Downloads {
    /// Downloads of `stack` for the engines of `team` on `hardware`, as far as this machine knows
    /// them.
    ///
    /// # Errors
    /// When a model is unknown, or the stack does not fit.
    pub fn of(
        stack: &StackSpec,
        team: &TeamRequest,
        need: Need,
        hardware: &Hardware,
        settings: &Settings,
    ) -> Result<Self> {
        let NeededModels { names, left_out } =
            NeededModels::of(stack, team, need, hardware, settings)?;
        let models = models::missing(names, settings)?;
        let store = settings.store.root().to_owned();
        // Without the free space, the pull checks it before each file.
        let space = settings.store.space().ok();
        let stack = stack.name.clone();
        let rate = DownloadRate::Unknown;
        let budget = hardware.memory_budget_bytes;
        let starter = None;
        let mut downloads = Self { stack, models, left_out, budget, store, space, rate, starter };
        downloads.starter = downloads.alternative(team, hardware, settings)?;
        Ok(downloads)
    }

    /// Asks the sources for sizes that are not known, and measures the rate of the first that has
    /// something to send. A source that does not answer leaves both unknown.
    pub async fn preview(&mut self, settings: &Settings) {
        let (store, options) = (&settings.store, &settings.pull);
        let sizes =
            self.models.iter_mut().filter(|model| model.size.is_none()).map(async |model| {
                let stated = harmonic_models::stated_size(store, &model.source, options).await;
                model.size = stated.ok().flatten();
                model.disk = model.size;
            });
        join_all(sizes).await;
        let Some(first) = self.models.iter().find(|model| model.rest() != Some(Bytes::ZERO)) else {
            return;
        };
        self.rate = match harmonic_models::measure_rate(store, &first.source, options).await {
            Ok(Some(rate)) => DownloadRate::Measured(rate),
            Ok(None) => DownloadRate::Unknown,
            Err(error) => DownloadRate::Unreachable(one_line(&error)),
        };
    }

    /// Bytes to fetch; `None` if a size is not known.
    pub fn rest(&self) -> Option<Bytes> {
        total(self.models.iter().map(MissingModel::rest))
    }

    /// Bytes to fetch of the models whose sizes are known.
    pub fn known_rest(&self) -> Bytes {
        known_total(self.models.iter().map(MissingModel::rest))
    }

    /// Whether the user must agree before they start.
    pub fn need_consent(&self) -> bool {
        !self.models.is_empty() && self.rest().is_none_or(|rest| rest > CONSENT_ABOVE)
    }

    /// Disk space that is missing for them; `None` if they fit, or nobody knows.
    pub fn shortage(&self) -> Option<Bytes> {
        let needed = known_total(self.models.iter().map(MissingModel::disk_needed));
        self.space?.shortage(needed)
    }

    /// Bytes to fetch for the starter, if it takes the same options, fits and is smaller.
    fn alternative(
        &self,
        team: &TeamRequest,
        hardware: &Hardware,
        settings: &Settings,
    ) -> Result<Option<Bytes>> {
        if self.stack == STARTER || self.models.is_empty() {
            return Ok(None);
        }
        let team = TeamRequest { stack: Some(STARTER.to_owned()), ..team.clone() };
        let Ok(stack) = team.resolve(settings) else { return Ok(None) };
        let needed = NeededModels::of(&stack, &team, Need::Planned, hardware, settings);
        let Ok(NeededModels { names, .. }) = needed else { return Ok(None) };
        let missing = models::missing(names, settings)?;
        let rest = total(missing.iter().map(MissingModel::rest));
        let needed = known_total(missing.iter().map(MissingModel::disk_needed));
        let fits = self.space.is_none_or(|space| space.shortage(needed).is_none());
        Ok(rest.filter(|rest| fits && self.rest().is_none_or(|all| *rest < all)))
    }
}

/// Sum of sizes; `None` if one is not known. Sizes of a hub are untrusted, so it saturates.
fn total(mut sizes: impl Iterator<Item = Option<Bytes>>) -> Option<Bytes> {
    sizes.try_fold(Bytes::ZERO, |sum, size| Some(Bytes(sum.0.saturating_add(size?.0))))
}

/// Sum of the known sizes.
fn known_total(sizes: impl Iterator<Item = Option<Bytes>>) -> Bytes {
    Bytes(sizes.flatten().fold(0, |sum, size| sum.saturating_add(size.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(size: Option<u64>, partial: u64) -> MissingModel {
        let source = "hf:org/repo/model.gguf".parse().unwrap();
        let size = size.map(Bytes);
        MissingModel { name: "m".to_owned(), size, partial: Bytes(partial), disk: size, source }
    }

    fn downloads(models: Vec<MissingModel>, free: u64) -> Downloads {
        Downloads {
            stack: "mine".to_owned(),
            models,
            left_out: Vec::new(),
            budget: Bytes(1_000_000_000),
            store: PathBuf::from("/models"),
            space: Some(DiskSpace { free: Bytes(free), reserve: Bytes(10) }),
            rate: DownloadRate::Unknown,
            starter: None,
        }
    }

    #[test]
    fn an_unknown_size_makes_the_sum_unknown_and_asks() {
        let known = downloads(vec![model(Some(500), 100), model(Some(300), 0)], 1000);
        assert_eq!((known.rest(), known.need_consent()), (Some(Bytes(700)), false));
        let unknown = downloads(vec![model(Some(500), 0), model(None, 0)], 1000);
        assert_eq!((unknown.rest(), unknown.known_rest()), (None, Bytes(500)));
        assert!(unknown.need_consent());
        assert!(downloads(vec![model(Some(2_000_000_000), 0)], 0).need_consent());
        assert!(!downloads(Vec::new(), 0).need_consent());
        let endless = downloads(vec![model(Some(u64::MAX), 0), model(Some(u64::MAX), 0)], 1000);
        assert_eq!(endless.rest(), Some(Bytes(u64::MAX)));
        assert!(endless.shortage().is_some());
    }

    #[test]
    fn what_is_here_already_needs_no_space_and_the_reserve_stays_free() {
        let models = || vec![model(Some(500), 100), model(Some(300), 0)];
        assert_eq!(downloads(models(), 710).shortage(), None);
        assert_eq!(downloads(models(), 709).shortage(), Some(Bytes(1)));
        let unknown = Downloads { space: None, ..downloads(models(), 0) };
        assert_eq!(unknown.shortage(), None);
    }
}
