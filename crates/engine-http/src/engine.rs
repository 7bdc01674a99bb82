//! Handle to an engine over HTTP.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use harmonic_admission::AgentLoad;
use harmonic_api::{Client, Timeouts};
use harmonic_engine::{
    AgentSlots, AgentUse, Cancel, Capabilities, Drained, Engine, EngineError, EngineStatus,
    Generation, Health, ReslotError, SharedStatus,
};
use harmonic_types::{AgentName, Rejection, Request, RequestId, Tokens};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};

use crate::admission_task::{AdmissionTask, Command};
use crate::body::Body;
use crate::config::{HttpAgent, HttpEngineConfig};
use crate::estimate;
use crate::open_requests::OpenRequest;
use crate::server_fields::ServerFields;

/// Handle to an engine over HTTP. The engine ends when it, its submissions and its generations are
/// dropped.
#[derive(Debug)]
pub struct HttpEngine(Arc<Shared>);

/// State shared by the handle and the futures of its calls.
pub(crate) struct Shared {
    pub(crate) config: HttpEngineConfig,
    pub(crate) fields: ServerFields,
    pub(crate) client: Client,
    by_name: BTreeMap<AgentName, usize>,
    commands: mpsc::UnboundedSender<Command>,
    status: SharedStatus,
    next: AtomicU64,
    ended: watch::Receiver<Option<Drained>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Starts the engine's task on `runtime`. The server is not asked anything.
///
/// # Errors
/// [`EngineError::Setup`] for an invalid URL or key, or if TLS cannot be set up.
pub fn spawn(config: HttpEngineConfig, runtime: &Handle) -> Result<HttpEngine, EngineError> {
    let timeouts = Timeouts { connect: config.connect_timeout, idle: config.idle_timeout };
    let client = config
        .endpoint
        .client(timeouts)
        .map_err(|error| EngineError::Setup { id: config.id.clone(), reason: error.to_string() })?;
    let load = |agent: &HttpAgent| AgentLoad { slots: agent.slots, ..AgentLoad::default() };
    let status = SharedStatus::new(config.agents.iter().map(load).collect());
    let (commands, receiver) = mpsc::unbounded_channel();
    let (end, ended) = watch::channel(None);
    let task = AdmissionTask::new(&config, client.clone(), status.clone());
    runtime.spawn(task.run(receiver, end));
    let by_name = (0..).zip(&config.agents).map(|(at, a)| (a.spec.name.clone(), at)).collect();
    let fields = ServerFields {
        kind: config.kind,
        dialect: config.endpoint.dialect,
        capabilities: config.capabilities,
    };
    let next = AtomicU64::new(0);
    let shared = Shared { config, fields, client, by_name, commands, status, next, ended };
    Ok(HttpEngine(Arc::new(shared)))
}

impl HttpEngine {
    /// Ends the engine, because the server is gone: open requests fail if `health` is
    /// [`Health::Died`], and are cancelled otherwise.
    pub fn end(&self, health: Health) {
        // A failed send means that the engine has ended already.
        let _ended = self.0.commands.send(Command::End(health));
    }
}

impl Shared {
    pub(crate) fn agent(&self, name: &AgentName) -> Result<(usize, &HttpAgent), Rejection> {
        let index = self.by_name.get(name).copied();
        let found = index.and_then(|index| Some((index, self.config.agents.get(index)?)));
        found.ok_or_else(|| {
            let known: Vec<&str> = self.by_name.keys().map(|name| name.0.as_str()).collect();
            Rejection::UnknownAgent { agent: name.clone(), known: known.join(", ") }
        })
    }

    pub(crate) fn check(&self, request: &Request) -> Result<(), Rejection> {
        self.agent(&request.agent)?;
        self.fields.check(request)
    }

    /// Body of a request that was checked.
    pub(crate) fn body(&self, agent: &HttpAgent, request: Request) -> Body {
        Body::new(&self.fields, agent, self.config.endpoint.sends_system, request)
    }

    async fn submit(self: Arc<Self>, request: Request) -> Result<Generation, Rejection> {
        self.check(&request)?;
        let (name, (index, agent)) = (request.agent.clone(), self.agent(&request.agent)?);
        let (reply, admitted) = oneshot::channel();
        let (events, answer) = mpsc::unbounded_channel();
        let open = OpenRequest {
            request: request.id,
            agent: name.clone(),
            index,
            class: request.class,
            prompt_tokens: estimate::prompt_tokens(&agent.spec, &request),
            parallel_calls: request.parallel_tool_calls,
            body: Some(self.body(agent, request)),
            reply: Some(reply),
            events,
        };
        let id = RequestId(self.next.fetch_add(1, Ordering::Relaxed));
        let submit = Command::Submit(id, Box::new(open));
        self.commands.send(submit).map_err(|_| self.status.gone(&name))?;
        let commands = self.commands.clone();
        let cancel = Cancel::new(move || {
            // A failed send means that the engine has ended, and its requests with it.
            let _gone = commands.send(Command::Cancel(id));
        });
        let admitted = admitted.await.map_err(|_| self.status.gone(&name))??;
        Ok(Generation::new(admitted, answer, cancel))
    }

    async fn reslot(&self, slots: AgentSlots) -> Result<(), ReslotError> {
        let indexed = slots
            .into_iter()
            .map(|(agent, slots)| match self.by_name.get(&agent) {
                Some(index) => Ok((*index, slots)),
                None => Err(ReslotError::UnknownAgent(agent)),
            })
            .collect::<Result<Vec<_>, _>>()?;
        let (reply, verdict) = oneshot::channel();
        let command = Command::Reslot(indexed, reply);
        self.commands.send(command).map_err(|_| ReslotError::Stopped)?;
        verdict.await.unwrap_or(Err(ReslotError::Stopped))
    }
}

impl Engine for HttpEngine {
    fn submit(&self, request: Request) -> BoxFuture<'static, Result<Generation, Rejection>> {
        Arc::clone(&self.0).submit(request).boxed()
    }

    fn check(&self, request: &Request) -> Result<(), Rejection> {
        self.0.check(request)
    }

    fn capabilities(&self) -> Capabilities {
        self.0.config.capabilities
    }

    fn count_tokens(&self, request: Request) -> BoxFuture<'_, Result<Tokens, EngineError>> {
        self.0.count_tokens(request).boxed()
    }

    fn status(&self) -> EngineStatus {
        let config = &self.0.config;
        let status = self.0.status.read();
        let agents = config
            .agents
            .iter()
            .zip(status.load)
            .map(|(agent, load)| AgentUse::of(agent.spec.name.clone(), agent.context, load));
        EngineStatus {
            id: config.id.clone(),
            model: config.model.clone(),
            kind: config.kind.to_string(),
            identity: config.identity.clone(),
            capabilities: config.capabilities,
            health: status.health,
            allocation: status.allocation,
            sequences: config.sequences,
            preparing: 0,
            agents: agents.collect(),
        }
    }

    fn reslot(&self, slots: AgentSlots) -> BoxFuture<'_, Result<(), ReslotError>> {
        self.0.reslot(slots).boxed()
    }

    fn drain(&self, grace: Duration) -> BoxFuture<'_, Drained> {
        // A failed send means that the engine has ended already.
        let _ended = self.0.commands.send(Command::Drain(grace));
        let mut ended = self.0.ended.clone();
        async move {
            let drained = ended.wait_for(Option::is_some).await;
            drained.ok().and_then(|drained| *drained).unwrap_or_default()
        }
        .boxed()
    }

    fn ended(&self) -> BoxFuture<'static, Health> {
        let mut ended = self.0.ended.clone();
        let status = self.0.status.clone();
        async move {
            // An error means that the task has ended.
            let _ended = ended.wait_for(Option::is_some).await;
            status.read().health
        }
        .boxed()
    }
}
