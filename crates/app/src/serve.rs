//! A team that runs and answers over HTTP.
//!
//! Invariants: the port is taken before a model is loaded, so that a port in use costs no time; a
//! dropped `Serving` leaves no engine, no connection and no port behind.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use harmonic_events::EventStream;
use harmonic_gateway::{Config, GatewayError, Listener, ModelRegistry, RegisteredAgent};
use harmonic_launcher::{Deployment, EngineDrained, ProcessId, Run, RunAgent};
use harmonic_types::Plan;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::engines::Engines;
use crate::error::{AppError, Result};
use crate::event::{Event, Forward, Observer};
use crate::http_threads::{HTTP_THREADS, HttpThreads};
use crate::listen::ListenConfig;
use crate::settings::Settings;
use crate::{cards, descriptors, inspect, power_samples};

/// Once the engines are drained, answers have ended; their last bytes still have to leave.
const LAST_BYTES: Duration = Duration::from_secs(5);

/// File descriptors for all but connections: models, logs, what the system's libraries open.
const OTHER_DESCRIPTORS: u64 = 256;

/// A team that runs.
#[derive(Debug)]
pub struct Serving {
    address: SocketAddr,
    deployment: Deployment,
    close: CancellationToken,
    server: AbortOnDropHandle<Result<(), GatewayError>>,
    /// Ends with the server.
    _power: AbortOnDropHandle<()>,
    /// Held for as long as the server runs on it.
    _http: HttpThreads,
}

impl Serving {
    /// Takes the port that `listen` names, starts the engines of `plan`, and serves. Dropping the
    /// future leaves nothing running.
    ///
    /// # Errors
    /// When the port is taken or an engine does not start.
    pub async fn start(
        plan: Plan,
        listen: ListenConfig,
        settings: &Settings,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let address = listen.address;
        descriptors::raise();
        let http = HttpThreads::start(plan.http_threads.unwrap_or(HTTP_THREADS))?;
        let listener = http.spawn(harmonic_gateway::bind(address)).await??;
        Self::on(http, listener, listen, plan, settings, observer).await
    }

    async fn on(
        http: HttpThreads,
        listener: Listener,
        listen: ListenConfig,
        plan: Plan,
        settings: &Settings,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let available = inspect::hardware()?.memory_available_bytes;
        let events = EventStream::default();
        let form_trial = settings.form_trial.clone();
        let engines = Engines::of(&plan, listen.queue_limit, form_trial, events.clone());
        let (plan, engines) = (Arc::new(plan), Arc::new(engines));
        let progress = Forward(observer);
        let deployment = Deployment::start(plan, engines, available, &events, &progress).await?;
        for finding in deployment.findings() {
            observer.event(Event::Warning(finding));
        }
        let agents = deployment.agents().map(|agent| RegisteredAgent {
            name: agent.plan.name.clone(),
            role: agent.plan.spec.role.clone(),
            model: agent.plan.model.clone(),
            context: agent.plan.context,
            card: cards::card(agent.plan, agent.on),
            engine: agent.engine,
        });
        let models = ModelRegistry::new(agents.collect())?.with_events(events.clone());
        let models = match listen.puller {
            Some(puller) => models.with_puller(Arc::new(puller)),
            None => models,
        };
        let address = listener.address();
        let connections = connections(listen.connections, listen.connections_per_address);
        let close = CancellationToken::new();
        let queue_timeout = listen.queue_timeout;
        let config = Config { grace: LAST_BYTES, queue_timeout, ..connections };
        let serve = harmonic_gateway::serve(listener, models, listen.access, config, {
            let close = close.clone();
            async move { close.cancelled().await }
        });
        let server = AbortOnDropHandle::new(http.spawn(serve));
        let power = AbortOnDropHandle::new(http.spawn(power_samples::publish(events)));
        Ok(Self { address, deployment, close, server, _power: power, _http: http })
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

    /// What others learn of this team: `grace` is what running answers get at its end, in seconds,
    /// `log` where its log goes.
    pub fn record(&self, grace: u64, log: Option<PathBuf>) -> Run {
        let plan = self.plan();
        let placed = plan.agents.iter().filter(|agent| agent.engine.is_some());
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Run {
            schema: Run::SCHEMA.to_owned(),
            process: ProcessId::own(),
            stack: plan.stack.clone(),
            url: self.url(),
            port: self.address.port(),
            since: since.map_or(0, |since| since.as_secs()),
            grace,
            log,
            agents: placed
                .map(|agent| RunAgent { name: agent.name.clone(), slots: agent.slots })
                .collect(),
        }
    }

    /// What runs.
    pub fn plan(&self) -> &Plan {
        self.deployment.plan()
    }

    /// Resolves when the server has ended by itself, which it should not, to the reason.
    pub async fn failed(&mut self) -> AppError {
        match (&mut self.server).await {
            Ok(Ok(())) => AppError::ServerEnded,
            Ok(Err(error)) => error.into(),
            Err(error) => error.into(),
        }
    }

    /// Takes no new requests, lets running answers finish for `grace`, and ends.
    ///
    /// # Errors
    /// When the server had failed before.
    pub async fn drain(self, grace: Duration) -> Result<Vec<EngineDrained>> {
        let drained = self.deployment.drain(grace).await;
        self.close.cancel();
        self.server.await??;
        Ok(drained)
    }
}

/// The server's limits, with those of connections.
fn connections(all: Option<NonZeroU32>, per_address: Option<NonZeroU32>) -> Config {
    let usual = Config::default();
    let possible = descriptors::raise().saturating_sub(OTHER_DESCRIPTORS).max(1);
    let possible = usize::try_from(possible).unwrap_or(usize::MAX);
    let count = |wanted: Option<NonZeroU32>| {
        wanted.map(|wanted| usize::try_from(wanted.get()).unwrap_or(usize::MAX))
    };
    let connections = count(all).unwrap_or(usual.connections).min(possible);
    let most = (connections - connections / 4).max(1);
    let connections_per_peer = count(per_address).unwrap_or(most).min(connections);
    Config { connections, connections_per_peer, ..usual }
}
