//! Models that clients of a server fetch: into the store, where the next `harmonic up` finds them.

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

/// Which models clients may have fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullPolicy {
    /// Models of the catalog.
    Catalog,
    /// Any model of the hub.
    Any,
}

/// Lines that a client gets of one piece of work, at most and about.
const LINES: u64 = 100;

/// Fetches into the store as `harmonic models pull` does, by these settings. What the machine can
/// do is looked up when somebody pulls.
pub struct StorePuller {
    /// Where models are and come from.
    pub settings: Settings,
    /// What clients may have fetched.
    pub allowed: PullPolicy,
}

impl Puller for StorePuller {
    /// A client says neither which files of this machine are read, nor which packages are fetched.
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
                    "{source} is not fetched for clients, only names of the catalog, \
                 hf:ORG/REPO/FILE and hf:ORG/REPO:QUANT: use `harmonic models pull` on the server's machine"
                )))
            }
        }
    }

    fn pull(&self, model: String) -> BoxStream<'static, Result<Progress, PullFailed>> {
        let settings = self.settings.clone();
        let (lines, told) = unbounded();
        let work = async move {
            let source: Source = model.parse().map_err(failed)?;
            let options = pull_options(&settings, &inspect::hardware().map_err(failed)?);
            let told = Told { lines, work: Mutex::default() };
            harmonic_models::pull(&settings.store, &source, &options, &told).await.map_err(failed)
        };
        let end = stream::once(work).filter_map(async |done| done.err().map(Err));
        // The lines end with the work, which has their sender.
        stream::select(told.map(Ok), end).boxed()
    }
}

/// The whole chain of causes, in one line.
fn failed(error: impl Into<AppError>) -> PullFailed {
    PullFailed(error::line(&error.into()))
}

/// Tells a client how far a pull is.
struct Told {
    lines: UnboundedSender<Progress>,
    work: Mutex<Work>,
}

/// What is done now.
#[derive(Default)]
struct Work {
    status: String,
    total: Option<Bytes>,
    /// What was told last.
    done: Bytes,
}

impl Told {
    fn say(&self, status: String, total: Option<Bytes>, completed: Option<Bytes>) {
        // A client that has gone away drops the work, too.
        let _gone = self.lines.unbounded_send(Progress { status, digest: None, total, completed });
    }

    fn on<T>(&self, with: impl FnOnce(&mut Work) -> T) -> T {
        with(&mut self.work.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl PullProgress for Told {
    fn begin(&self, label: &str, total: Option<Bytes>) {
        self.on(|work| *work = Work { status: label.to_owned(), total, done: Bytes(0) });
        self.say(label.to_owned(), total, None);
    }

    fn advance(&self, done: Bytes) {
        let due = self.on(|work| {
            let step = work.total.map_or(1 << 20, |total| total.0 / LINES);
            let due = done.0 >= work.done.0.saturating_add(step) || Some(done) == work.total;
            due.then(|| {
                work.done = done;
                (work.status.clone(), work.total)
            })
        });
        if let Some((status, total)) = due {
            self.say(status, total, Some(done));
        }
    }

    fn end(&self) {}

    fn note(&self, line: &str) {
        self.say(line.to_owned(), None, None);
    }
}
