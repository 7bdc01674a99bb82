//! The service of runs of one server: starts, drives, lists and ends them.
//!
//! Invariants: a run is driven at most once, by the lock of its journal; as many are open as the
//! limit says; a run belongs to the owner that made it, and for others it does not exist.
//!
//! Runs go on when the server starts again, unless a person stopped them, they lived no longer than
//! a request, or they belong to a team of another stack; those wait to be resumed.

mod client_calls;
mod errors;
mod evaluations;
mod inside;
mod open_runs;
mod recovery;
mod stored;
mod streams;
mod verbs;

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use harmonic_api::runs::{RequestedTools, RunSummary};
use harmonic_events::EventStream;
use harmonic_gateway::{RunOwner, RunsError};
use harmonic_journal::{Durability, Header, Journal, JournalError, Limits, RunIds, Store};
use harmonic_orchestrator::{Input, Run, RunLimits};
use harmonic_types::{ClientName, RunId, RunToken};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::client_calls::OpenedTools;
use self::errors::{blocking, of_journal};
use self::open_runs::{OpenRun, OpenRuns};
use super::clock::{RunClock, unix_ms};
use super::driver::{Descent, Driver, DriverParts, ParentLink, Past, RunView};
use super::energy::RunEnergy;
use super::entry::{Entry, Opened};
use super::journal_writer::{JournalWriter, write};
use super::new_run::{NewRun, ServerPart, Specified, refused, specify};
use super::run_publisher::RunPublisher;
use super::team::RunTeam;
use super::tools::ToolSource;
use super::updates::Updates;

/// Commands that wait for a driver.
const COMMANDS: usize = 64;

/// Time until a retry where all places for runs are taken.
const RETRY: Duration = Duration::from_secs(5);

/// Limits of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceLimits {
    /// Runs that are open at once, over all owners.
    pub open: usize,
    /// Finished runs that are kept, over all owners; older ones are removed.
    pub kept: usize,
    /// What one run may leave on the disk.
    pub journal: Limits,
    /// Limits of each run beside its budget.
    pub run: RunLimits,
}

impl Default for ServiceLimits {
    fn default() -> Self {
        Self { open: 64, kept: 1000, journal: Limits::default(), run: RunLimits::default() }
    }
}

/// The service. A clone is the same service.
#[derive(Clone)]
pub struct RunService {
    shared: Arc<Shared>,
}

struct Shared {
    store: Store,
    team: Arc<RunTeam>,
    tools: Arc<dyn ToolSource>,
    energy: OnceLock<Arc<RunEnergy>>,
    verdicts: OnceLock<PathBuf>,
    /// Where ids and states of runs are published.
    events: OnceLock<EventStream>,
    limits: ServiceLimits,
    places: Arc<Semaphore>,
    ids: Mutex<RunIds>,
    open: Mutex<OpenRuns>,
    /// What goes on whether or not a client waits for it.
    tasks: TaskTracker,
}

/// A run that was opened for writing, and what it goes on with.
struct Ready {
    run: Run,
    past: Past,
    journal: Journal<Entry>,
    last_ms: u64,
    tools: OpenedTools,
    token: RunToken,
    parent: Option<ParentLink>,
    place: OwnedSemaphorePermit,
    first: Input,
}

impl RunService {
    /// The service of `team` with the runs in `folder`, which is created if absent.
    ///
    /// # Errors
    /// If the folder cannot be created or opened.
    pub fn open(
        folder: &Path,
        team: Arc<RunTeam>,
        tools: Arc<dyn ToolSource>,
        limits: ServiceLimits,
    ) -> Result<Self, JournalError> {
        let shared = Shared {
            store: Store::open(folder, limits.journal)?,
            team,
            tools,
            energy: OnceLock::new(),
            verdicts: OnceLock::new(),
            events: OnceLock::new(),
            limits,
            places: Arc::new(Semaphore::new(limits.open)),
            ids: Mutex::default(),
            open: Mutex::default(),
            tasks: TaskTracker::new(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Spawns a task that goes on whether or not a client waits for it.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.shared.tasks.spawn(task);
    }

    /// Lets runs that start from now on report `energy`, and be bounded by it.
    pub fn set_energy(&self, energy: Arc<RunEnergy>) {
        // Once: the meter of a machine does not change.
        let _ = self.shared.energy.set(energy);
    }

    /// Publishes ids and states of the runs that start from now on to `events`.
    pub fn set_events(&self, events: EventStream) {
        // Once: a server has one stream.
        let _ = self.shared.events.set(events);
    }

    /// Starts a run, as [`harmonic_gateway::Runs::create`] does, with what the server adds.
    ///
    /// # Errors
    /// The request cannot be obeyed, or the first entry not written.
    pub async fn create_run(&self, owner: RunOwner, new: NewRun) -> Result<RunSummary, RunsError> {
        Ok(self.start(owner, new, CancellationToken::new()).await?.summary())
    }

    /// Starts a run, which goes on whether or not the future is dropped. Cancelling `gone` ends it.
    ///
    /// # Errors
    /// The request cannot be obeyed, or the first entry not written.
    pub(super) async fn start(
        &self,
        owner: RunOwner,
        new: NewRun,
        gone: CancellationToken,
    ) -> Result<RunView, RunsError> {
        let service = self.clone();
        let starting = self.shared.tasks.spawn(async move {
            let ready = service.create_journal(&owner, new).await?;
            let first = RunView {
                last_update: 0,
                open: Vec::new(),
                record: ready.run.record(),
                approvals: Vec::new(),
            };
            service.drive(&owner_name(&owner), ready, gone)?;
            Ok(first)
        });
        starting.await.unwrap_or_else(|_| Err(errors::stopping()))
    }

    async fn create_journal(&self, owner: &RunOwner, new: NewRun) -> Result<Ready, RunsError> {
        let place = self.place()?;
        let shared = &self.shared;
        let started_ms = unix_ms();
        let above = self.above(owner, &new.request)?;
        let token = RunToken::of(random()?);
        let RequestedTools { sets, workspace, client } = new.request.tools.clone();
        let tools =
            self.open_tools(sets.clone(), workspace.clone(), token.clone(), &client).await?;
        let server = ServerPart {
            id: self.next_id(started_ms)?,
            started_ms,
            seed: match new.request.seed {
                Some(seed) => seed,
                None => u64::from_le_bytes(random()?),
            },
            tools: tools.all.list(),
            granted: tools.granted(&*shared.tools),
            has_meter: shared.energy.get().is_some(),
            verdicts: self.verdicts(&new.request.approach).await?,
            limits: shared.limits.run,
        };
        let Specified { mut spec, note } = specify(&shared.team, &new, server).await?;
        let parent = match above {
            Some(above) => {
                let Descent { lineage, parent } = above.adopt(&spec).await?;
                spec.lineage = lineage;
                Some(parent)
            }
            None => None,
        };
        let run = Run::new(spec.clone()).map_err(|error| refused(&error))?;
        let header = Header::new(spec.id.clone(), owner_name(owner), started_ms);
        let opened = Entry::Opened(Box::new(Opened {
            spec,
            stack: shared.team.stack.clone(),
            tools: sets,
            workspace,
            client_tools: client.into_iter().map(|tool| tool.name).collect(),
            is_attached: new.is_attached,
            note: note.clone(),
        }));
        let service = self.clone();
        let id = header.run.clone();
        let journal = blocking(move || {
            let mut journal = service.shared.store.create::<Entry>(&header)?;
            write(&mut journal, 0, &opened, Durability::Synced)?;
            Ok(journal)
        });
        let journal = journal.await?.map_err(|error| of_journal(error, &id))?;
        let past = Past::new(note);
        let first = Input::Started;
        Ok(Ready { run, past, journal, last_ms: 0, tools, token, parent, place, first })
    }

    /// Drives a run in a task of its own.
    fn drive(&self, owner: &str, ready: Ready, gone: CancellationToken) -> Result<(), RunsError> {
        let Ready { run, past, journal, last_ms, tools, token, parent, place, first } = ready;
        let id = run.spec().id.clone();
        let clock = RunClock::new(run.spec().started_ms, last_ms);
        let owner_key = (!owner.is_empty()).then(|| owner.into());
        let publisher = self.shared.events.get().cloned();
        let publisher = publisher.map(|events| RunPublisher::new(events, id.clone(), owner_key));
        let updates = Arc::new(Updates::new(clock, publisher));
        past.tell(&updates);
        let (commands, received) = mpsc::channel(COMMANDS);
        let open = Arc::new(OpenRun {
            owner: owner.to_owned(),
            commands,
            updates: Arc::clone(&updates),
            closed: CancellationToken::new(),
            driver: OnceLock::new(),
            client_tools: tools.client.clone(),
            offered_token: Mutex::default(),
        });
        {
            let mut runs = self.shared.open.lock().unwrap_or_else(PoisonError::into_inner);
            if runs.is_closed {
                return Err(errors::stopping());
            }
            runs.runs.insert(id.clone(), Arc::clone(&open));
            runs.tokens.insert(token, id.clone());
        }
        updates.begin();
        let driver = Driver::new(
            DriverParts {
                run,
                journal: JournalWriter::new(journal),
                clock,
                team: Arc::clone(&self.shared.team),
                tools: tools.all,
                energy: self.shared.energy.get().cloned(),
                updates: Arc::clone(&updates),
                commands: received,
                gone,
                client: ClientName::from(format!("runs of {owner}").as_str()),
                parent,
                past,
            },
            first,
        );
        let service = self.clone();
        let closing = Closing { service, id, open: Arc::clone(&open), _place: place };
        let driving = self.shared.tasks.spawn(async move {
            // What it drove can be resumed, also where its code panics.
            let ended = AssertUnwindSafe(driver.drive()).catch_unwind().await;
            closing.end(match ended {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some("its code failed; the log of the server says where".to_owned()),
            });
        });
        // Set once, here.
        let _ = open.driver.set(driving.abort_handle());
        self.announce_absence(&open);
        Ok(())
    }

    /// A place for one more open run.
    fn place(&self) -> Result<OwnedSemaphorePermit, RunsError> {
        Arc::clone(&self.shared.places).try_acquire_owned().map_err(|_| RunsError::Full {
            message: format!(
                "{} runs are open, which is the limit of the server: wait for one to end, or stop one",
                self.shared.limits.open
            ),
            retry_after: RETRY,
        })
    }

    fn next_id(&self, started_ms: u64) -> Result<RunId, RunsError> {
        let random = random()?;
        let mut ids = self.shared.ids.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(ids.next(started_ms, random))
    }

    /// The run `id` of `owner`, if it is driven.
    fn open_run(&self, owner: &RunOwner, id: &RunId) -> Option<Arc<OpenRun>> {
        let open = self.shared.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.runs.get(id).filter(|run| run.owner == owner_name(owner)).cloned()
    }

    /// Ends all drivers at once; what they drove can be resumed.
    pub fn shut_down(&self) {
        let mut open = self.shared.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.is_closed = true;
        for run in open.runs.values() {
            if let Some(driver) = run.driver.get() {
                driver.abort();
            }
        }
    }
}

impl std::fmt::Debug for RunService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunService").field("team", &self.shared.team).finish_non_exhaustive()
    }
}

/// The end of a driver, also where its task is aborted.
struct Closing {
    service: RunService,
    id: RunId,
    open: Arc<OpenRun>,
    _place: OwnedSemaphorePermit,
}

impl Closing {
    fn end(self, failure: Option<String>) {
        if let Some(error) = failure {
            tracing::warn!(run = %self.id, %error, "a run was interrupted, and can be resumed");
            self.open.updates.interrupted(&error);
        }
        self.service.clone().remove_old();
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        let mut open = self.service.shared.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.runs.remove(&self.id);
        open.tokens.retain(|_, run| *run != self.id);
        drop(open);
        self.open.updates.close();
        self.open.closed.cancel();
    }
}

/// Name of an owner in journals: that of its key, or none where the server needs no key.
pub(super) fn owner_name(owner: &RunOwner) -> String {
    owner.0.as_deref().unwrap_or_default().to_owned()
}

fn random<const N: usize>() -> Result<[u8; N], RunsError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| RunsError::Failed {
        message: format!("the system gave no random numbers: {error}"),
    })?;
    Ok(bytes)
}
