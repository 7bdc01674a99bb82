//! Pulls of clients: models are fetched into the store, where the next `harmonic up` finds them.

use std::sync::{Mutex, PoisonError};

use futures::StreamExt;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use futures::stream::{self, BoxStream};
use harmonic_api::ollama::Progress;
use harmonic_gateway::{PullFailed, PullRefused, Puller};
use harmonic_models::{CATALOG_NAMES, ModelError, Progress as PullProgress, Source, catalog};
use harmonic_types::Bytes;

use crate::error::{self, AppError};
use crate::inspect;
use crate::models::pull_options;
use crate::settings::Settings;

/// Models that clients may pull.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullPolicy {
    /// Models of the catalog.
    Catalog,
    /// Also any model of the hub.
    Any,
}

/// Approximate number of progress lines for one transfer.
const LINES_PER_TRANSFER: u64 = 100;

/// Puller into the store, like `harmonic models pull`. The hardware is detected at each pull.
pub struct StorePuller {
    /// Store and sources of the models.
    pub settings: Settings,
    /// Models that clients may pull.
    pub allowed: PullPolicy,
}

impl Puller for StorePuller {
    /// Refuses local files and packages to every client.
    fn allows(&self, model: &str) -> Result<(), PullRefused> {
        let source: Source =
            model.parse().map_err(|error: ModelError| PullRefused(error.to_string()))?;
        match (&source, self.allowed) {
            (Source::Name(name), _) if catalog::find(name).is_some() => Ok(()),
            (Source::Name(name), _) => Err(PullRefused(format!(
                "no model of the catalog is named `{name}`: it has {}",
                CATALOG_NAMES.join(", ")
            ))),
            (Source::Hub { .. } | Source::Quant { .. }, PullPolicy::Any) => Ok(()),
            (Source::Hub { .. } | Source::Quant { .. }, PullPolicy::Catalog) => {
                Err(PullRefused(format!(
                    "this server fetches only models of the catalog for clients, not {source}: \
                 `harmonic up --allow-pull=any` lets them fetch any of the hub"
                )))
            }
            (Source::Path(_) | Source::Wheel(_) | Source::Cached { .. }, _) => {
                Err(PullRefused(format!(
                    "clients cannot pull {source}: expected a catalog name, hf:ORG/REPO/FILE or \
                     hf:ORG/REPO:QUANT; `harmonic models pull` on the server's machine takes it"
                )))
            }
        }
    }

    fn pull(&self, model: String) -> BoxStream<'static, Result<Progress, PullFailed>> {
        let settings = self.settings.clone();
        let (sender, lines) = unbounded();
        let work = async move {
            let source: Source = model.parse().map_err(failed)?;
            let options = pull_options(&settings, &inspect::hardware().map_err(failed)?);
            let progress = ProgressLines { sender, transfer: Mutex::default() };
            harmonic_models::pull(&settings.store, &source, &options, &progress)
                .await
                .map_err(failed)
        };
        let end = stream::once(work).filter_map(async |done| done.err().map(Err));
        // The lines end with the work, which owns their sender.
        stream::select(lines.map(Ok), end).boxed()
    }
}

/// The error with its causes, in one line.
fn failed(error: impl Into<AppError>) -> PullFailed {
    PullFailed(error::one_line(&error.into()))
}

/// Sender of progress lines to a client.
struct ProgressLines {
    sender: UnboundedSender<Progress>,
    transfer: Mutex<Transfer>,
}

/// Current transfer.
#[derive(Default)]
struct Transfer {
    status: String,
    total: Option<Bytes>,
    /// Bytes done at the last line.
    reported: Bytes,
}

impl ProgressLines {
    fn send(&self, status: String, total: Option<Bytes>, completed: Option<Bytes>) {
        // A client that disconnects also drops the work.
        let _disconnected =
            self.sender.unbounded_send(Progress { status, digest: None, total, completed });
    }

    fn with_transfer<T>(&self, with: impl FnOnce(&mut Transfer) -> T) -> T {
        with(&mut self.transfer.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl PullProgress for ProgressLines {
    fn begin(&self, label: &str, total: Option<Bytes>) {
        let transfer = Transfer { status: label.to_owned(), total, reported: Bytes(0) };
        self.with_transfer(|current| *current = transfer);
        self.send(label.to_owned(), total, None);
    }

    fn advance(&self, done: Bytes) {
        let due = self.with_transfer(|current| {
            let step = current.total.map_or(1 << 20, |total| total.0 / LINES_PER_TRANSFER);
            let next = current.reported.0.saturating_add(step);
            (done.0 >= next || Some(done) == current.total).then(|| {
                current.reported = done;
                (current.status.clone(), current.total)
            })
        });
        if let Some((status, total)) = due {
            self.send(status, total, Some(done));
        }
    }

    fn end(&self) {}

    fn note(&self, line: &str) {
        self.send(line.to_owned(), None, None);
    }
}
