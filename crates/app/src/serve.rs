//! A running team with its HTTP server.
//!
//! Invariants: the port is bound before a model is loaded, so a port in use fails at once; a
//! dropped [`TeamServer`] leaves no engine, connection or port behind.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use harmonic_events::EventStream;
use harmonic_gateway::{Config, GatewayError, Listener, ModelRegistry, RegisteredAgent};
use harmonic_launcher::{Deployment, EngineDrained, Instance, InstanceAgent, ProcessId};
use harmonic_types::{Bytes, EngineKind, Plan};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::AbortOnDropHandle;

use crate::engines::PlanEngineFactory;
use crate::error::{AppError, Result};
use crate::event::{Event, EventAdapter, Observer};
use crate::http_threads::{HTTP_THREADS, HttpThreads};
use crate::larger_contexts::larger_contexts;
use crate::listen::ListenConfig;
use crate::runs::{NoTools, RunService, ServedRuns, ToolSource};
use crate::settings::Settings;
use crate::{agent_info, file_descriptors, inspect, power_samples};

/// Time to send the last bytes of answers after the engines are drained.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// File descriptors kept for other uses than connections: models, logs, system libraries.
const OTHER_DESCRIPTORS: u64 = 256;

/// A running team with its HTTP server.
#[derive(Debug)]
pub struct TeamServer {
    address: SocketAddr,
    deployment: Deployment,
    close: CancellationToken,
    server: AbortOnDropHandle<Result<(), GatewayError>>,
    /// Publisher of power samples; ends with the server.
    _power: AbortOnDropHandle<()>,
    /// Runs of the team; `None` where the server offers none.
    runs: Option<RunService>,
    /// Resumes the runs of an earlier process; ends with the server.
    _idle_power: Option<AbortOnDropHandle<()>>,
    /// Ends starts of engines that are under way.
    _starts: DropGuard,
    /// Held as long as the server runs on these threads.
    _http: HttpThreads,
}

impl TeamServer {
    /// Binds the address of `listen`, starts the engines of `plan`, and serves. Dropping the future
    /// leaves nothing running.
    ///
    /// # Errors
    /// When the port is in use or an engine does not start.
    pub async fn start(
        plan: Plan,
        listen: ListenConfig,
        settings: &Settings,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let address = listen.address;
        file_descriptors::raise_limit();
        let http = HttpThreads::start(plan.http_threads.unwrap_or(HTTP_THREADS))?;
        let listener = http.spawn(harmonic_gateway::bind(address)).await??;
        Self::serve_on(http, listener, listen, plan, settings, observer).await
    }

    async fn serve_on(
        http: HttpThreads,
        listener: Listener,
        listen: ListenConfig,
        plan: Plan,
        settings: &Settings,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let available = available(&plan)?;
        let events = EventStream::default();
        let form_trial = settings.form_trial.clone();
        let processes = settings.engine_processes.clone();
        // A plan from a file needs no detection, so that a failed one leaves only the names out.
        let larger = match inspect::hardware() {
            Ok(hardware) if listen.names_larger_contexts => {
                larger_contexts(&plan, &hardware, settings)
            }
            _ => BTreeMap::new(),
        };
        let engines =
            PlanEngineFactory::of(&plan, listen.queue_limit, form_trial, processes, events.clone())
                .with_larger_contexts(larger);
        let starts = engines.stop_guard();
        let (plan, engines) = (Arc::new(plan), Arc::new(engines));
        let progress = EventAdapter(observer);
        let factory = Arc::clone(&engines);
        let deployment = Deployment::start(plan, factory, available, &events, &progress).await?;
        for finding in engines.take_findings().iter().chain(deployment.findings()) {
            observer.event(Event::Warning(finding));
        }
        let agents = deployment.agents().map(|agent| RegisteredAgent {
            name: agent.plan.name.clone(),
            role: agent.plan.spec.role.clone(),
            model: agent.plan.model.clone(),
            context: agent.plan.context,
            info: agent_info::agent_info(agent.plan, agent.engine_plan),
            engine: agent.engine,
            team: None,
        });
        let runs = if listen.offers_runs {
            let tools: Arc<dyn ToolSource> = match listen.tools {
                Some(tools) => Arc::new(tools),
                None => Arc::new(NoTools),
            };
            ServedRuns::of(&deployment, &settings.journals, tools, &events)?
        } else {
            None
        };
        if let Some(runs) = &runs {
            runs.service.set_verdicts(settings.verdicts.clone());
        }
        let team = runs.iter().flat_map(|runs| runs.models.clone());
        let agents = agents.chain(team).collect();
        let models = ModelRegistry::new(agents)?.with_events(events.clone());
        let models = match &runs {
            Some(runs) => {
                runs.service.set_events(events.clone());
                models.with_runs(Arc::new(runs.service.clone()))
            }
            None => models,
        };
        let models = match listen.puller {
            Some(puller) => models.with_puller(Arc::new(puller)),
            None => models,
        };
        if let Some(runs) = &runs {
            // Before the first request: a run that goes on is not taken for one that was stopped.
            http.spawn(runs.recover()).await?;
        }
        let address = listener.address();
        let limits = limits(listen.connections, listen.connections_per_address);
        let close = CancellationToken::new();
        let queue_timeout = listen.queue_timeout;
        let config = Config { grace: FLUSH_TIMEOUT, queue_timeout, ..limits };
        let serve = harmonic_gateway::serve(listener, models, listen.access, config, {
            let close = close.clone();
            async move { close.cancelled().await }
        });
        let server = AbortOnDropHandle::new(http.spawn(serve));
        let power = AbortOnDropHandle::new(http.spawn(power_samples::publish(events)));
        let idle_power = runs.as_ref().map(|runs| http.spawn(runs.measure_idle_power()));
        Ok(Self {
            address,
            deployment,
            close,
            server,
            _power: power,
            runs: runs.map(|runs| runs.service),
            _idle_power: idle_power.map(AbortOnDropHandle::new),
            _starts: starts,
            _http: http,
        })
    }

    /// Base URL for a client on this machine.
    pub fn url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            let loopback: std::net::IpAddr = match address {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            };
            address.set_ip(loopback);
        }
        format!("http://{address}")
    }

    /// Record of this team for the instance registry, with the grace period of running answers in
    /// seconds and the log file.
    pub fn record(&self, grace: u64, log: Option<PathBuf>) -> Instance {
        let plan = self.plan();
        let placed = plan.agents.iter().filter(|agent| agent.engine.is_some());
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Instance {
            schema: Instance::SCHEMA.to_owned(),
            process: ProcessId::own(),
            stack: plan.stack.clone(),
            url: self.url(),
            port: self.address.port(),
            since: since.map_or(0, |since| since.as_secs()),
            grace,
            log,
            agents: placed
                .map(|agent| InstanceAgent {
                    name: agent.name.clone(),
                    slots: agent.slots,
                    leaves_machine: agent.leaves_machine,
                })
                .collect(),
        }
    }

    /// The plan of the team.
    pub fn plan(&self) -> &Plan {
        self.deployment.plan()
    }

    /// Resolves to the error when the HTTP server has ended unexpectedly.
    pub async fn failure(&mut self) -> AppError {
        match (&mut self.server).await {
            Ok(Ok(())) => AppError::ServerEnded,
            Ok(Err(error)) => error.into(),
            Err(error) => error.into(),
        }
    }

    /// Refuses new requests, lets running answers finish for `grace`, and ends.
    ///
    /// # Errors
    /// When the server had failed before.
    pub async fn drain(self, grace: Duration) -> Result<Vec<EngineDrained>> {
        // They go on when the server starts again; nothing of them would end within a grace period.
        if let Some(runs) = &self.runs {
            runs.shut_down();
        }
        let drained = self.deployment.drain(grace).await;
        self.close.cancel();
        self.server.await??;
        Ok(drained)
    }
}

/// Memory that the engines of `plan` may take now.
fn available(plan: &Plan) -> Result<Bytes> {
    // A simulated engine takes none of what the plan states, and a server elsewhere states none.
    let takes_none = |kind| matches!(kind, EngineKind::Sim | EngineKind::Remote);
    if plan.engines.iter().all(|engine| takes_none(engine.spec.kind())) {
        return Ok(Bytes(u64::MAX));
    }
    Ok(inspect::hardware()?.memory_available_bytes)
}

/// Limits of the server, with those of connections: as given, or the default, and within the limit
/// of file descriptors.
fn limits(all: Option<NonZeroU32>, per_address: Option<NonZeroU32>) -> Config {
    let defaults = Config::default();
    let possible = file_descriptors::raise_limit().saturating_sub(OTHER_DESCRIPTORS).max(1);
    let possible = usize::try_from(possible).unwrap_or(usize::MAX);
    let count = |given: Option<NonZeroU32>| {
        given.map(|given| usize::try_from(given.get()).unwrap_or(usize::MAX))
    };
    let connections = count(all).unwrap_or(defaults.connections).min(possible);
    let three_quarters = (connections - connections / 4).max(1);
    let connections_per_peer = count(per_address).unwrap_or(three_quarters).min(connections);
    Config { connections, connections_per_peer, ..defaults }
}
