//! The team as a model: a request is a run, its progress reasoning, its answer the text.
//!
//! Invariants: dropping the generation ends the run, unless it is one in the background; a run's own
//! agents are those of the deployment, never this engine; `max_tokens` bounds the answer, whatever the
//! run has spent; a field of the request without effect is named in the reasoning or refused.
//!
//! Does not do: tools of the client, structured output, log-probabilities (refused by capability).

mod answer_bound;
mod conversation;
mod progress;

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use harmonic_api::runs::{AnswerLength, RequestedTools, RunApproach, RunMode, RunRequest};
use harmonic_engine::{
    Admitted, AgentSlots, Allocation, Cancel, Capabilities, Drained, Engine, EngineError,
    EngineStatus, Generation, Health, Identity, ReslotError,
};
use harmonic_gateway::{RunOwner, RunsError};
use harmonic_orchestrator::{AskPolicy, RunClass};
use harmonic_types::{AgentName, Rejection, Request, RequestClass, RunBudget, RunId, Tokens};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::new_run::NewRun;
use super::service::RunService;
use super::team::RunTeam;
use conversation::Conversation;
use progress::Progress;

/// Beginning of the name of a client that has a key, as the gateway names it.
const KEY: &str = "key ";

/// Time until a retry where the service cannot start a run.
const RETRY: Duration = Duration::from_secs(5);

/// The team as a model.
#[derive(Clone)]
pub struct TeamEngine {
    name: AgentName,
    approach: RunApproach,
    service: RunService,
    team: Arc<RunTeam>,
}

impl TeamEngine {
    /// Name of the model.
    pub const NAME: &str = "team";

    /// Whether a model of that name is the team, by itself or by a recipe, and no agent.
    pub fn is_name(name: &str) -> bool {
        name == Self::NAME || name.split_once(':').is_some_and(|(team, _)| team == Self::NAME)
    }

    /// The team, which finds its tasks as `approach` says, as the model `name`.
    pub fn new(
        name: AgentName,
        approach: RunApproach,
        service: RunService,
        team: Arc<RunTeam>,
    ) -> Self {
        Self { name, approach, service, team }
    }

    /// The team with the default approach.
    pub fn auto(service: RunService, team: Arc<RunTeam>) -> Self {
        Self::new(Self::NAME.into(), RunApproach::Mode(RunMode::Auto), service, team)
    }

    /// The team with the recipe `recipe`.
    pub fn recipe(recipe: &str, service: RunService, team: Arc<RunTeam>) -> Self {
        let name = AgentName(format!("{}:{recipe}", Self::NAME));
        Self::new(name, RunApproach::Recipe(recipe.to_owned()), service, team)
    }

    /// Name of the model.
    pub fn name(&self) -> &AgentName {
        &self.name
    }

    /// How it finds its tasks.
    pub fn approach(&self) -> &RunApproach {
        &self.approach
    }

    /// Context of the smallest agent: each of them reads the goal and the brief.
    pub fn context(&self) -> Tokens {
        let contexts = self.team.members().iter().map(|member| member.context);
        Tokens(contexts.min().unwrap_or(0))
    }

    /// Starts the run that lives as long as somebody waits for it, and streams what it does.
    async fn ask(self, request: Request) -> Result<Generation, Rejection> {
        let conversation = conversation::read(&request, self.context())?;
        // Before the first wait: who drops the future ends the run, however far it is.
        let gone = CancellationToken::new();
        let cancel = {
            let gone = gone.clone();
            Cancel::new(move || gone.cancel())
        };
        let owner = owner_of(&request);
        let begun = self.begin(owner, request, conversation, Some(gone), cancel).await;
        begun.map(|(_, generation)| generation).map_err(|error| rejection(&self.name, &error))
    }

    /// Starts the run that goes on without whoever asked, and streams what it does.
    pub(super) async fn ask_in_background(
        self,
        owner: RunOwner,
        request: Request,
    ) -> Result<(RunId, Generation), RunsError> {
        let conversation = conversation::read(&request, self.context());
        let conversation = conversation.map_err(|refused| RunsError::Invalid {
            field: "input".to_owned(),
            reason: format!("cannot be done: {refused}"),
        })?;
        self.begin(owner, request, conversation, None, Cancel::new(|| {})).await
    }

    /// Starts the run of `conversation`; it ends with `gone`, where there is one.
    async fn begin(
        &self,
        owner: RunOwner,
        request: Request,
        conversation: Conversation,
        gone: Option<CancellationToken>,
        cancel: Cancel,
    ) -> Result<(RunId, Generation), RunsError> {
        let Conversation { goal, brief, notes } = conversation;
        let new = NewRun {
            is_attached: gone.is_some(),
            answer_tokens: request.max_tokens.map(|tokens| tokens.0),
            ..NewRun::from(RunRequest {
                goal,
                brief,
                approach: self.approach.clone(),
                budget: RunBudget::default(),
                // Nobody could be asked.
                ask: AskPolicy::Never,
                length: AnswerLength::Free,
                class: match request.class {
                    RequestClass::Interactive => RunClass::Interactive,
                    RequestClass::Background => RunClass::Background,
                },
                tools: RequestedTools::default(),
                seed: request.seed,
                within: request.within.clone(),
            })
        };
        let view = self.service.start(owner.clone(), new, gone.unwrap_or_default()).await?;
        let id = view.record.id;
        let events = self.service.event_stream(owner.clone(), id.clone(), Some(0)).await?;
        let (sender, received) = mpsc::unbounded_channel();
        let mut progress = Progress::new(sender, &request);
        for note in notes {
            progress.note(&note);
        }
        let (service, team) = (self.service.clone(), Arc::clone(&self.team));
        let run = id.clone();
        self.service.spawn(async move {
            progress.follow(events).await;
            match service.view(&owner, &run).await {
                Ok(view) => progress.end(&view.record, &team).await,
                Err(error) => progress.fail(error.to_string()),
            }
        });
        let admitted = Admitted {
            request: request.id,
            slot: 0,
            queued: Duration::ZERO,
            // Of many prompts, which are counted at the end.
            prompt_tokens: 0,
        };
        Ok((id, Generation::new(admitted, received, cancel)))
    }
}

impl std::fmt::Debug for TeamEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TeamEngine").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Engine for TeamEngine {
    fn submit(&self, request: Request) -> BoxFuture<'static, Result<Generation, Rejection>> {
        self.clone().ask(request).boxed()
    }

    fn check(&self, request: &Request) -> Result<(), Rejection> {
        self.capabilities().check_system_turn(request)?;
        conversation::read(request, self.context()).map(drop)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::TEXT
    }

    /// As the executive counts it.
    fn count_tokens(&self, request: Request) -> BoxFuture<'_, Result<Tokens, EngineError>> {
        let executive = self.team.executive();
        let request = Request { agent: executive.name.clone(), ..request };
        executive.engine.count_tokens(request)
    }

    /// It has no slots of its own: its requests are those of the agents.
    fn status(&self) -> EngineStatus {
        EngineStatus {
            id: self.name.0.clone(),
            model: Self::NAME.to_owned(),
            kind: Self::NAME.to_owned(),
            identity: Identity::default(),
            capabilities: self.capabilities(),
            health: Health::Ready,
            allocation: Allocation::default(),
            sequences: 0,
            preparing: 0,
            agents: Vec::new(),
        }
    }

    fn reslot(&self, slots: AgentSlots) -> BoxFuture<'_, Result<(), ReslotError>> {
        let named = slots.into_keys().next();
        let refused = named.map_or(Ok(()), |agent| Err(ReslotError::UnknownAgent(agent)));
        futures::future::ready(refused).boxed()
    }

    fn drain(&self, _grace: Duration) -> BoxFuture<'_, Drained> {
        self.service.shut_down();
        futures::future::ready(Drained::default()).boxed()
    }
}

/// Owner of the run that answers `request`.
fn owner_of(request: &Request) -> RunOwner {
    RunOwner(request.client.as_str().strip_prefix(KEY).map(Into::into))
}

/// The rejection of a request whose run cannot be started.
fn rejection(name: &AgentName, error: &RunsError) -> Rejection {
    match error {
        RunsError::Full { retry_after, .. } => {
            Rejection::QueueFull { agent: name.clone(), queued: 0, retry_after: *retry_after }
        }
        RunsError::Unavailable { .. } => {
            Rejection::Restarting { agent: name.clone(), retry_after: RETRY }
        }
        RunsError::Failed { message } => {
            Rejection::EngineDied { agent: name.clone(), message: message.clone() }
        }
        other => Rejection::Invalid { message: other.to_string() },
    }
}
