//! Task that admits requests to the server and ends them.
//!
//! Invariants: decisions are made after each change, and once a second while requests wait, since
//! waiting promotes them; a slot is free again only after its connection is closed; requests get
//! their final events after their slots are free, and before the engine's end is visible.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use harmonic_admission::{Admission, Decision, Slots, Tick, Ticket};
use harmonic_api::Client;
use harmonic_engine::clock::{Clock, WallClock};
use harmonic_engine::{Drained, Health, Publisher, ReslotError, SharedStatus};
use harmonic_types::{FinishReason, Rejection, RequestId};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::{oneshot, watch};
use tokio::task::{self, JoinError, JoinSet};

use crate::answer::End;
use crate::config::HttpEngineConfig;
use crate::exchange::{Exchange, Progress};
use crate::open_requests::{OpenRequest, OpenRequests};

/// Time between decisions while requests wait: short beside the seconds that promote them.
const AGEING_TICK: Duration = Duration::from_secs(1);
/// Longest sleep of the task, where nothing is due.
const IDLE: Duration = Duration::from_hours(1);

/// A command to the task.
#[derive(Debug)]
pub(crate) enum Command {
    Submit(RequestId, Box<OpenRequest>),
    /// Cancel a request whose client is gone.
    Cancel(RequestId),
    /// Set planned slots, by agent index.
    Reslot(Vec<(usize, u32)>, oneshot::Sender<Result<(), ReslotError>>),
    /// Finish open requests within this time, then end.
    Drain(Duration),
    /// End at once: the server is gone.
    End(Health),
}

/// State of the task.
pub(crate) struct AdmissionTask {
    admission: Admission,
    room: Slots,
    requests: OpenRequests,
    client: Client,
    /// Exchanges under way.
    exchanges: JoinSet<End>,
    ids: HashMap<task::Id, RequestId>,
    progress: UnboundedSender<Progress>,
    status: SharedStatus,
    clock: WallClock,
    draining: Option<(Tick, Drained)>,
    /// Last time at which requests were running.
    running_since: Option<Tick>,
}

/// Why the loop goes on.
enum Next {
    Command(Option<Command>),
    Progress(Progress),
    Ended(Result<(task::Id, End), JoinError>),
    Due,
}

impl AdmissionTask {
    pub(crate) fn new(config: &HttpEngineConfig, client: Client, status: SharedStatus) -> Self {
        let admission = Admission::new(config.admission());
        // Nothing but their number limits the requests on the server.
        let room = Slots::new(admission.config().max_in_flight, 1);
        let agents = config.agents.iter().map(|agent| agent.spec.name.clone()).collect();
        let publisher = Publisher::new(config.events.clone(), config.id.clone(), agents);
        // Replaced where the task runs, which holds the receiver.
        let (progress, _) = mpsc::unbounded_channel();
        Self {
            admission,
            room,
            requests: OpenRequests::new(publisher),
            client,
            exchanges: JoinSet::new(),
            ids: HashMap::new(),
            progress,
            status,
            clock: WallClock::default(),
            draining: None,
            running_since: None,
        }
    }

    /// Runs until the engine is drained, ended or dropped.
    pub(crate) async fn run(
        mut self,
        mut commands: UnboundedReceiver<Command>,
        ended: watch::Sender<Option<Drained>>,
    ) {
        let load = self.admission.load();
        self.requests.publisher().slots_changed(&load);
        self.status.write(|status| status.load = load);
        let served = AssertUnwindSafe(self.serve(&mut commands)).catch_unwind().await;
        let health = served.unwrap_or_else(|_| Health::Died {
            message: "its task panicked: this is a bug, please report it".to_owned(),
        });
        // Published before the channel closes, so that failed submissions get the cause.
        self.status.write(|status| status.health = health.clone());
        drop(commands);
        if let Health::Died { message } = &health {
            tracing::error!(%message, "engine died");
            self.requests.fail_all(message);
        }
        for id in self.requests.ids() {
            self.requests.end(id, cancelled());
        }
        self.exchanges.shutdown().await;
        for id in self.admission.pending() {
            self.admission.release(id, &mut self.room);
        }
        self.status.write(|status| status.load = self.admission.load());
        let now = self.clock.now();
        self.requests.publisher().publish_record(now);
        let drained = self.draining.map(|(_, drained)| drained);
        let _nobody = ended.send(Some(drained.unwrap_or_default()));
    }

    /// The loop; returns the health that the engine ends with.
    async fn serve(&mut self, commands: &mut UnboundedReceiver<Command>) -> Health {
        let (progress, mut news) = mpsc::unbounded_channel();
        self.progress = progress;
        loop {
            self.decide();
            if self.draining.is_some() && self.requests.is_empty() {
                return Health::Stopped;
            }
            let due = self.due();
            let next = tokio::select! {
                // The parts of an answer come before its end.
                biased;
                Some(part) = news.recv() => Next::Progress(part),
                Some(ended) = self.exchanges.join_next_with_id(), if !self.exchanges.is_empty() => {
                    Next::Ended(ended)
                }
                command = commands.recv() => Next::Command(command),
                () = tokio::time::sleep(due) => Next::Due,
            };
            match next {
                Next::Progress(Progress::Accepted(id)) => self.requests.accepted(id),
                Next::Progress(Progress::Part(id)) => self.requests.part(id),
                Next::Ended(ended) => self.exchange_ended(ended),
                Next::Command(Some(Command::End(health))) => return health,
                Next::Command(Some(command)) => self.handle(command),
                // Every handle is dropped, those of running requests included.
                Next::Command(None) => return Health::Stopped,
                Next::Due => {}
            }
            self.account();
        }
    }

    /// Makes the decisions that are possible now.
    fn decide(&mut self) {
        let now = self.clock.now();
        if self.draining.is_some_and(|(deadline, _)| now >= deadline) {
            self.requests.ids().into_iter().for_each(|id| self.cancel(id));
        }
        for decision in self.admission.decide(now, &mut self.room) {
            // Slots are never preempted.
            let Decision::Start { id, queued, borrowed } = decision else { continue };
            let Self { requests, exchanges, ids, client, progress, .. } = self;
            requests.admit(id, queued, borrowed, |open| {
                let exchange = Exchange {
                    id,
                    body: open.body.take()?,
                    parallel_calls: open.parallel_calls,
                    events: open.events.clone(),
                    progress: progress.clone(),
                };
                let handle = exchanges.spawn(exchange.run(client.clone()));
                ids.insert(handle.id(), id);
                Some(handle)
            });
        }
        self.account();
        self.status.write(|status| status.load = self.admission.load());
    }

    /// Accounts for the time in which requests ran.
    fn account(&mut self) {
        let now = self.clock.now();
        let runs = self.requests.runs();
        let publisher = self.requests.publisher();
        if let Some(since) = self.running_since {
            publisher.step_ended(since, now);
        } else if publisher.until_record(now) == Some(Duration::ZERO) {
            publisher.publish_record(now);
        }
        if runs {
            publisher.step_begins(now);
        }
        self.running_since = runs.then_some(now);
    }

    /// Time until something is due.
    fn due(&mut self) -> Duration {
        let now = self.clock.now();
        let ageing = self.admission.has_waiting().then_some(AGEING_TICK);
        // A deadline that has passed was acted upon.
        let deadline = self.draining.map(|(deadline, _)| deadline.since(now));
        let record = self.requests.publisher().until_record(now);
        let due = [ageing, deadline.filter(|left| !left.is_zero()), record];
        due.into_iter().flatten().min().unwrap_or(IDLE).max(Duration::from_millis(1))
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Submit(id, request) => self.submit(id, *request),
            Command::Cancel(id) => self.cancel(id),
            Command::Reslot(slots, reply) => {
                let verdict = self.reslot(slots);
                let load = self.admission.load();
                if verdict.is_ok() {
                    self.requests.publisher().slots_changed(&load);
                }
                self.status.write(|status| status.load = load);
                // The caller may be gone; the slots are set all the same.
                let _gone = reply.send(verdict);
            }
            Command::Drain(grace) => {
                self.status.write(|status| status.health = Health::Draining);
                let deadline = self.clock.now() + grace;
                match &mut self.draining {
                    // A second drain may only shorten the first.
                    Some((earlier, _)) => *earlier = deadline.min(*earlier),
                    None => self.draining = Some((deadline, Drained::default())),
                }
            }
            // Handled by the loop, which it ends.
            Command::End(_) => {}
        }
    }

    fn submit(&mut self, id: RequestId, mut request: OpenRequest) {
        let ticket = Ticket { id, agent: request.index, class: request.class };
        let offered = match self.draining {
            Some(_) => Err(Rejection::Draining),
            None => self.admission.offer(self.clock.now(), ticket),
        };
        match offered {
            Ok(()) => self.requests.open(id, request),
            Err(rejection) => {
                if let Some(reply) = request.reply.take() {
                    let _gone = reply.send(Err(rejection));
                }
            }
        }
    }

    /// Ends a request that waits; one that runs ends once its connection is closed.
    fn cancel(&mut self, id: RequestId) {
        if !self.requests.abort(id) {
            self.end(id, cancelled());
        }
    }

    fn exchange_ended(&mut self, ended: Result<(task::Id, End), JoinError>) {
        let (task, end) = match ended {
            Ok(ended) => ended,
            Err(error) if error.is_cancelled() => (error.id(), cancelled()),
            Err(error) => {
                let message = "the exchange panicked: this is a bug, please report it".to_owned();
                (error.id(), End::Failed(message))
            }
        };
        if let Some(id) = self.ids.remove(&task) {
            self.end(id, end);
        }
    }

    fn end(&mut self, id: RequestId, end: End) {
        self.admission.release(id, &mut self.room);
        self.status.write(|status| status.load = self.admission.load());
        let is_cancelled = end == cancelled();
        if self.requests.end(id, end)
            && let Some((_, drained)) = &mut self.draining
        {
            drained.cancelled += u64::from(is_cancelled);
            drained.finished += u64::from(!is_cancelled);
        }
    }

    /// Moves planned slots between agents; their sum must not exceed the plan.
    fn reslot(&mut self, slots: Vec<(usize, u32)>) -> Result<(), ReslotError> {
        let planned = self.admission.config().agents.iter().map(|agent| agent.slots).sum();
        ReslotError::check(planned, &self.admission.load(), &slots)?;
        self.admission.set_slots(slots);
        Ok(())
    }
}

/// End of a request whose client is gone, or that a drain ends.
fn cancelled() -> End {
    End::Finished { reason: FinishReason::Cancelled, usage: None }
}
