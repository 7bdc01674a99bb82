//! In-process engine: a thread that owns a machine, and the handle to it.

mod config;
mod engine_thread;
mod preparation;
mod sampler;

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use harmonic_batching::Token;
use harmonic_types::{
    Bytes, Event, Rejection, Request, RequestClass, RequestId, Thinking, Tokens, ToolChoice,
};
use tokio::sync::{mpsc as unbounded, oneshot};

use crate::capabilities::{Capabilities, Forms};
use crate::chat::{Bounds, Chat, Rendered, Vocabulary, callable};
use crate::constraint::{CompileError, Compiler, Form};
use crate::drive::Command;
use crate::engine::{AgentSlots, Drained, Engine, EngineError, EngineStatus, Health, ReslotError};
use crate::engine_handle::EngineHandle;
use crate::generation::{Admitted, Generation};
use crate::request_registry::{
    ConstraintStart, PendingRequest, Progress, RequestRegistry, ResponseSink, Submission,
};
use crate::scheduler::Job;
use crate::workers::Workers;

pub use config::{LocalConfig, ServedAgent, shared_device};
pub use engine_thread::EngineThread;
pub(crate) use preparation::{
    SMALL_BYTES as SMALL_PROMPT_BYTES, WAITING_BYTES as WAITING_PROMPT_BYTES,
};

/// Retry delay after a form could not be compiled.
const RETRY_FORM: Duration = Duration::from_secs(2);

/// Handle to an engine thread. Dropping it cancels open requests and ends the thread.
#[derive(Debug)]
pub struct Local(Arc<Shared>);

/// State shared by the handle and the futures of its calls.
#[derive(Debug)]
struct Shared {
    thread: EngineHandle<Command>,
    chat: Chat,
    /// Lower bounds of prompt lengths.
    bounds: Bounds,
    /// Threads that render and tokenise prompts.
    workers: Workers,
    /// Each agent's shared prefix, in the order of the configuration.
    prefixes: Vec<Vec<Token>>,
    compiler: Compiler,
}

impl Local {
    /// Starts a thread that runs `body`, which creates a machine and passes it to
    /// [`EngineThread::drive`]. Returns once the machine is ready.
    ///
    /// # Errors
    /// The error of `body` before it drives, or [`EngineError::Setup`] if the template is unusable
    /// or a thread cannot be started.
    pub fn spawn(
        config: LocalConfig,
        vocabulary: Arc<dyn Vocabulary>,
        body: impl FnOnce(EngineThread<'_>) -> Result<(), EngineError> + Send + 'static,
    ) -> Result<Self, EngineError> {
        let setup = |reason: String| EngineError::Setup { id: config.id.clone(), reason };
        let compiler =
            Compiler::new(&config.model, Arc::clone(&vocabulary), config.form_trial.clone());
        let chat = Chat::new(vocabulary).map_err(|error| setup(error.to_string()))?;
        let prefixes: Vec<Vec<Token>> =
            config.agents.iter().map(|agent| chat.shared_prefix(&agent.spec)).collect();
        let bounds = config.agents.first().map(|agent| chat.bounds(&agent.spec));
        let workers =
            Workers::start("prompts", preparation::SMALL_BYTES, preparation::WAITING_BYTES)
                .map_err(|error| setup(format!("cannot start threads for prompts: {error}")))?;
        let capabilities = capabilities(&config, &chat);
        let registry = RequestRegistry::new;
        let thread = EngineHandle::spawn(config, capabilities, registry, |context, commands| {
            // A weak reference: the thread must not keep itself alive.
            let wake = Arc::new(move || {
                if let Some(commands) = commands.upgrade() {
                    // A failed send means that the thread has ended.
                    let _ended = commands.send(Command::Wake);
                }
            });
            body(EngineThread { context, wake })
        })?;
        let warm = prefixes.iter().enumerate().filter(|(_, prefix)| !prefix.is_empty());
        let warm = warm.map(|(agent, prefix)| warm_up_job(thread.next_id(), agent, prefix));
        thread.tell(Command::Warm(warm.collect()));
        let bounds = bounds.unwrap_or_default();
        Ok(Self(Arc::new(Shared { thread, chat, bounds, workers, prefixes, compiler })))
    }
}

impl Shared {
    /// Builds the submission of a request whose prompt is tokenised.
    fn assemble(&self, request: Request, rendered: Rendered) -> Result<Prepared, Rejection> {
        let index = self.thread.agent(&request.agent)?;
        let ServedAgent { spec, context, .. } = &self.thread.config().agents[index];
        let (choice, forced) = (&request.tool_choice, must_call(&request));
        let reasoning_open = rendered.reasoning_open;
        let form = self.form(&request, &rendered)?;
        let id = self.thread.next_id();
        let prefix = &self.prefixes[index];
        let shared = rendered.tokens.len() > prefix.len() && rendered.tokens.starts_with(prefix);
        let job = Job {
            id,
            agent: index,
            class: request.class,
            shared_prefix: if shared { u32::try_from(prefix.len()).unwrap_or(0) } else { 0 },
            prompt: rendered.tokens,
            max_output: request.max_tokens.unwrap_or(*context).0,
        };
        let sampler = self.sampler(&request, spec)?;
        let tools = callable(&request.prompt, choice);
        let decoder = self.chat.decoder(request.stop, reasoning_open, tools);
        let decoder =
            if request.parallel_tool_calls { decoder } else { decoder.ending_with_first_call() };
        let decoder = if forced { decoder.of_forced_call() } else { decoder };
        let (admitted, admission) = oneshot::channel();
        let (events, answer) = unbounded::unbounded_channel();
        let client = ResponseSink {
            request: request.id,
            agent: request.agent,
            decoder,
            admitted: Some(admitted),
            events,
        };
        let prompt_tokens = u32::try_from(job.prompt.len()).unwrap_or(u32::MAX);
        let open = PendingRequest {
            client,
            agent: index,
            class: request.class,
            prompt_tokens,
            progress: Progress::Untouched,
            sampler: Some(sampler),
        };
        Ok(Prepared { submission: Submission { job, open }, form, id, admission, answer })
    }
}

/// Capabilities of a local engine with the model's template.
fn capabilities(config: &LocalConfig, chat: &Chat) -> Capabilities {
    Capabilities {
        logprobs: true,
        forms: Forms::ALL,
        tools: true,
        strict_tools: chat.call_tracker(false).is_some(),
        exact_counts: true,
        preemption: config.preempted_bytes > Bytes::ZERO,
        prefix_cache: config.prefix_bytes > Bytes::ZERO,
        ignore_eos: true,
        own_system_turn: true,
        ..Capabilities::TEXT
    }
}

/// Whether the whole answer is constrained.
fn is_formed(request: &Request) -> bool {
    request.format.is_some() || must_call(request)
}

fn must_call(request: &Request) -> bool {
    matches!(request.tool_choice, ToolChoice::Required | ToolChoice::Named(_))
}

/// Whether the model should reason; `None` leaves it to the agent. Constrained answers have no
/// reasoning unless requested.
fn thinking(request: &Request) -> Option<Thinking> {
    match (request.thinking, request.effort) {
        (Some(false), _) => Some(Thinking::Off),
        (Some(true), effort) | (None, effort @ Some(_)) => Some(Thinking::On(effort)),
        (None, None) => is_formed(request).then_some(Thinking::Off),
    }
}

/// Rejection of a request whose form was not compiled.
fn refusal(error: CompileError) -> Rejection {
    match error {
        CompileError::Format(error) => Rejection::Invalid { message: error.to_string() },
        CompileError::Busy { waiting, own } => {
            let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
            Rejection::FormsFull { waiting, own, retry_after: RETRY_FORM }
        }
        CompileError::Failed(message) => {
            Rejection::FormsFailed { message, retry_after: RETRY_FORM }
        }
    }
}

/// Job that computes an agent's shared prefix ahead of its first request.
fn warm_up_job(id: RequestId, agent: usize, prefix: &[Token]) -> Job {
    Job {
        id,
        agent,
        class: RequestClass::Interactive,
        prompt: prefix.to_vec(),
        shared_prefix: u32::try_from(prefix.len()).unwrap_or(0),
        max_output: 0,
    }
}

/// A submission with the receivers of its admission and answer.
struct Prepared {
    submission: Submission,
    /// Uncompiled form of the answer, and where it starts.
    form: Option<(Form, ConstraintStart)>,
    id: RequestId,
    admission: oneshot::Receiver<Result<Admitted, Rejection>>,
    answer: unbounded::UnboundedReceiver<Event>,
}

impl Engine for Local {
    fn submit(&self, request: Request) -> BoxFuture<'static, Result<Generation, Rejection>> {
        let shared = Arc::clone(&self.0);
        async move {
            let (agent, client_name) = (request.agent.clone(), request.client.clone());
            let preparing = shared.thread.preparing();
            let (request, rendered) = shared.prepare(request).await?;
            let prepared = if is_formed(&request) || !request.strict_tools.is_empty() {
                // Measuring a form may take longer than a runtime thread should be blocked.
                let shared = Arc::clone(&shared);
                let assemble = move || shared.assemble(request, rendered);
                tokio::task::spawn_blocking(assemble).await.map_err(|error| {
                    Rejection::FormsFailed { message: error.to_string(), retry_after: RETRY_FORM }
                })?
            } else {
                shared.assemble(request, rendered)
            };
            let Prepared { mut submission, form, id, admission, answer } = prepared?;
            if let Some((form, start)) = form {
                let constraint = shared.compiler.compile(form, &client_name).await;
                submission.constrain(constraint.map_err(refusal)?, start);
            }
            shared.thread.send(Command::Submit(Box::new(submission)), &agent)?;
            drop(preparing);
            let cancel = shared.thread.cancel_on_drop(id);
            let admitted = admission.await.map_err(|_| shared.thread.gone(&agent))??;
            Ok(Generation::new(admitted, answer, cancel))
        }
        .boxed()
    }

    fn check(&self, request: &Request) -> Result<(), Rejection> {
        self.0.check(request)
    }

    fn capabilities(&self) -> Capabilities {
        self.0.thread.capabilities()
    }

    fn count_tokens(&self, request: Request) -> BoxFuture<'_, Result<Tokens, EngineError>> {
        let shared = Arc::clone(&self.0);
        async move { Ok(shared.count(request).await?) }.boxed()
    }

    fn status(&self) -> EngineStatus {
        self.0.thread.status()
    }

    fn reslot(&self, slots: AgentSlots) -> BoxFuture<'_, Result<(), ReslotError>> {
        self.0.thread.reslot(slots)
    }

    fn drain(&self, grace: Duration) -> BoxFuture<'_, Drained> {
        self.0.thread.drain(grace)
    }

    fn ended(&self) -> BoxFuture<'static, Health> {
        self.0.thread.ended()
    }
}
