//! An engine in this process: a thread that owns a machine, and the handle to it.

mod config;
mod sampler;
mod seat;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use harmonic_sched::{AgentLoad, Job, Token};
use harmonic_types::{AgentName, Event, Prompt, Refused, Request, RequestId, Tokens, ToolChoice};
use tokio::sync::{mpsc as unbounded, oneshot, watch};

use crate::chat::{Chat, Vocabulary, callable};
use crate::constraint::{FormatError, Grammars};
use crate::desk::{Client, Open, SharedBoard, Submission};
use crate::drive::Command;
use crate::engine::{
    AgentSlots, AgentUse, Drained, Engine, EngineError, EngineStatus, Health, ReslotError,
};
use crate::generation::{Cancel, Generation, Granted};

pub use config::{LocalConfig, ServedAgent, shared_device};
pub use seat::Seat;

/// The handle to an engine's thread. Dropping it cancels what runs and ends the thread.
#[derive(Debug)]
pub struct Local(Arc<Shared>);

/// What submitting needs; also held by futures that outlive a call.
#[derive(Debug)]
struct Shared {
    config: LocalConfig,
    chat: Chat,
    /// Each agent's shared prefix, in the order of the configuration.
    prefixes: Vec<Vec<Token>>,
    by_name: BTreeMap<AgentName, usize>,
    /// Made when the first request asks for a form.
    grammars: OnceLock<Result<Grammars, FormatError>>,
    mail: mpsc::Sender<Command>,
    board: SharedBoard,
    next: AtomicU64,
    ended: watch::Receiver<Option<Drained>>,
}

impl Local {
    /// Starts a thread that runs `body`, which makes its machine and gives it to
    /// [`Seat::drive`]. Returns once the machine is ready.
    ///
    /// # Errors
    /// What `body` returns before it drives, or [`EngineError::Setup`] when the agents, the
    /// template or the thread cannot be had.
    pub fn spawn(
        config: LocalConfig,
        vocabulary: Arc<dyn Vocabulary>,
        body: impl FnOnce(Seat<'_>) -> Result<(), EngineError> + Send + 'static,
    ) -> Result<Self, EngineError> {
        let setup = |reason: String| EngineError::Setup { id: config.id.clone(), reason };
        let chat = Chat::new(vocabulary).map_err(|error| setup(error.to_string()))?;
        let prefixes: Vec<Vec<Token>> =
            config.agents.iter().map(|agent| chat.shared_prefix(&agent.spec)).collect();
        let (mail, inbox) = mpsc::channel();
        let load = |agent: &ServedAgent| AgentLoad { slots: agent.slots, ..AgentLoad::default() };
        let board = SharedBoard::new(config.agents.iter().map(load).collect());
        let ended = seat::occupy(&config, inbox, board.clone(), body)?;
        let by_name = (0..).zip(&config.agents).map(|(at, a)| (a.spec.name.clone(), at)).collect();
        let next = AtomicU64::new(0);
        let warm = prefixes.iter().enumerate().filter(|(_, prefix)| !prefix.is_empty());
        let warm: Vec<Job> = warm.map(|(agent, prefix)| warming(&next, agent, prefix)).collect();
        // A thread that has ended already says so to the first who asks.
        let _ended = mail.send(Command::Warm(warm));
        Ok(Self(Arc::new(Shared {
            config,
            chat,
            prefixes,
            by_name,
            grammars: OnceLock::new(),
            mail,
            board,
            next,
            ended,
        })))
    }
}

impl Shared {
    fn agent(&self, name: &AgentName) -> Result<usize, Refused> {
        self.by_name.get(name).copied().ok_or_else(|| {
            let known: Vec<&str> = self.by_name.keys().map(|name| name.0.as_str()).collect();
            Refused::UnknownAgent { agent: name.clone(), known: known.join(", ") }
        })
    }

    fn died(&self, agent: &AgentName) -> Refused {
        match self.board.read().health {
            Health::Died { message } => Refused::EngineDied { agent: agent.clone(), message },
            Health::Ready | Health::Draining | Health::Restarting { .. } | Health::Stopped => {
                Refused::Draining
            }
        }
    }

    /// Everything between a request and its tokens.
    fn prepare(&self, request: Request) -> Result<Prepared, Refused> {
        let index = self.agent(&request.agent)?;
        let ServedAgent { spec, context, .. } = &self.config.agents[index];
        // A form is that of the answer, so nothing may come before it.
        let thinking = if is_formed(&request) { Some(false) } else { request.thinking };
        let choice = &request.tool_choice;
        let rendered = self.chat.render(spec, &request.prompt, thinking, choice)?;
        let id = RequestId(self.next.fetch_add(1, Ordering::Relaxed));
        let prefix = &self.prefixes[index];
        let shared = rendered.tokens.len() > prefix.len() && rendered.tokens.starts_with(prefix);
        let job = Job {
            id,
            agent: index,
            shared_prefix: if shared { u32::try_from(prefix.len()).unwrap_or(0) } else { 0 },
            prompt: rendered.tokens,
            max_output: request.max_tokens.unwrap_or(*context).0,
        };
        let sampler = self.sampler(&request, spec, rendered.reasoning_open)?;
        let tools = callable(&request.prompt, choice);
        let decoder = self.chat.decoder(request.stop, rendered.reasoning_open, tools);
        let decoder =
            if request.parallel_tool_calls { decoder } else { decoder.ending_with_first_call() };
        let (granted, grant) = oneshot::channel();
        let (events, answer) = unbounded::unbounded_channel();
        let client = Client {
            request: request.id,
            agent: request.agent,
            decoder,
            granted: Some(granted),
            events,
        };
        let prompt_tokens = u32::try_from(job.prompt.len()).unwrap_or(u32::MAX);
        let open = Open { client, prompt_tokens, sampler: Some(sampler) };
        Ok(Prepared { submission: Submission { job, open }, id, grant, answer })
    }
}

/// Whether the answer is held to a form from its first token on.
fn is_formed(request: &Request) -> bool {
    let must_call = matches!(request.tool_choice, ToolChoice::Required | ToolChoice::Named(_));
    request.format.is_some() || must_call
}

/// Computes an agent's prefix before anyone asks, so that the first request finds it.
fn warming(next: &AtomicU64, agent: usize, prefix: &[Token]) -> Job {
    Job {
        id: RequestId(next.fetch_add(1, Ordering::Relaxed)),
        agent,
        prompt: prefix.to_vec(),
        shared_prefix: u32::try_from(prefix.len()).unwrap_or(0),
        max_output: 0,
    }
}

/// A request in tokens, with the two ends of its way back.
struct Prepared {
    submission: Submission,
    id: RequestId,
    grant: oneshot::Receiver<Result<Granted, Refused>>,
    answer: unbounded::UnboundedReceiver<Event>,
}

impl Engine for Local {
    fn submit(&self, request: Request) -> BoxFuture<'static, Result<Generation, Refused>> {
        let shared = Arc::clone(&self.0);
        async move {
            let agent = request.agent.clone();
            let prepared = if is_formed(&request) {
                // A grammar may take longer to compile than a runtime's thread should be held up.
                let shared = Arc::clone(&shared);
                let prepare = tokio::task::spawn_blocking(move || shared.prepare(request));
                prepare.await.map_err(|error| Refused::Invalid {
                    message: format!("the answer's form could not be prepared: {error}"),
                })?
            } else {
                shared.prepare(request)
            };
            let Prepared { submission, id, grant, answer } = prepared?;
            let mail = shared.mail.clone();
            mail.send(Command::Submit(Box::new(submission))).map_err(|_| shared.died(&agent))?;
            let cancel = Cancel::new(move || {
                // The engine may be gone, and its requests with it.
                let _gone = mail.send(Command::Cancel(id));
            });
            let granted = grant.await.map_err(|_| shared.died(&agent))??;
            Ok(Generation::new(granted, answer, cancel))
        }
        .boxed()
    }

    fn count_tokens(
        &self,
        agent: &AgentName,
        prompt: &Prompt,
    ) -> BoxFuture<'_, Result<Tokens, EngineError>> {
        let counted = self.0.agent(agent).and_then(|index| {
            let agent = &self.0.config.agents[index].spec;
            let rendered = self.0.chat.render(agent, prompt, None, &ToolChoice::Auto)?;
            Ok(Tokens(u32::try_from(rendered.tokens.len()).unwrap_or(u32::MAX)))
        });
        futures::future::ready(counted.map_err(EngineError::from)).boxed()
    }

    fn status(&self) -> EngineStatus {
        let config = &self.0.config;
        let board = self.0.board.read();
        let agents = config.agents.iter().zip(board.load).map(|(agent, load)| AgentUse {
            agent: agent.spec.name.clone(),
            slots: load.slots,
            context: agent.context,
            in_flight: load.in_flight,
            borrowed: load.borrowed,
            parked: load.parked,
            queued: load.queued,
        });
        EngineStatus {
            id: config.id.clone(),
            model: config.model.clone(),
            kind: config.kind.clone(),
            identity: config.identity.clone(),
            health: board.health,
            allocation: board.allocation,
            sequences: config.sequences,
            agents: agents.collect(),
        }
    }

    fn reslot(&self, slots: AgentSlots) -> BoxFuture<'_, Result<(), ReslotError>> {
        async move {
            let indexed = slots
                .into_iter()
                .map(|(agent, slots)| match self.0.by_name.get(&agent) {
                    Some(index) => Ok((*index, slots)),
                    None => Err(ReslotError::UnknownAgent(agent)),
                })
                .collect::<Result<Vec<_>, _>>()?;
            let (reply, verdict) = oneshot::channel();
            let command = Command::Reslot(indexed, reply);
            self.0.mail.send(command).map_err(|_| ReslotError::Stopped)?;
            verdict.await.unwrap_or(Err(ReslotError::Stopped))
        }
        .boxed()
    }

    fn drain(&self, grace: Duration) -> BoxFuture<'_, Drained> {
        // An engine that has ended already is drained.
        let _ended = self.0.mail.send(Command::Drain(grace));
        let mut ended = self.0.ended.clone();
        async move {
            let drained = ended.wait_for(Option::is_some).await;
            drained.ok().and_then(|drained| *drained).unwrap_or_default()
        }
        .boxed()
    }

    fn ended(&self) -> BoxFuture<'static, Health> {
        let mut ended = self.0.ended.clone();
        let board = self.0.board.clone();
        async move {
            // An error says that the thread is gone, which is an end too.
            let _ended = ended.wait_for(Option::is_some).await;
            board.read().health
        }
        .boxed()
    }
}
