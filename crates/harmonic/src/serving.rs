//! A team that runs and answers over HTTP.
//!
//! Invariants: the port is taken before a model is loaded, so that a port in use costs no time; a
//! dropped `Serving` leaves no engine, no connection and no port behind.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use harmonic_gateway::{Config, GatewayError, Listener, Roster, RosterAgent};
use harmonic_launcher::{Deployment, EngineDrained};
use harmonic_types::{Bytes, Plan};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::cards;
use crate::descriptors;
use crate::door::Door;
use crate::engines::Engines;
use crate::http_threads::{HTTP_THREADS, HttpThreads};
use crate::printer::Printer;
use crate::progress::Shown;
use crate::stop::Stop;

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
    /// Held for as long as the server runs on it.
    _http: HttpThreads,
}

impl Serving {
    /// Takes the port of `door`, starts the engines of `plan`, and serves.
    ///
    /// # Errors
    /// When the port is taken, an engine does not start, or the user stops it.
    pub async fn start(
        plan: Plan,
        door: Door,
        printer: &Printer,
        stop: &Stop,
    ) -> anyhow::Result<Self> {
        let address = door.address;
        descriptors::raise();
        let http = HttpThreads::start(plan.http_threads.unwrap_or(HTTP_THREADS))?;
        let listener = http.spawn(harmonic_gateway::bind(address)).await??;
        Self::on(http, listener, door, plan, printer, stop).await
    }

    async fn on(
        http: HttpThreads,
        listener: Listener,
        door: Door,
        plan: Plan,
        printer: &Printer,
        stop: &Stop,
    ) -> anyhow::Result<Self> {
        let available = crate::team::hardware()?.memory_available_bytes;
        let deployment = launch(plan, door.queue_limit, available, printer, stop).await?;
        for finding in deployment.findings() {
            printer.finding(finding);
        }
        let agents = deployment.agents().map(|agent| RosterAgent {
            name: agent.plan.name.clone(),
            role: agent.plan.spec.role.clone(),
            model: agent.plan.model.clone(),
            context: agent.plan.context,
            card: cards::card(agent.plan, agent.on),
            engine: agent.engine,
        });
        let roster = Roster::new(agents.collect())?;
        let roster = match door.puller {
            Some(puller) => roster.with_puller(Arc::new(puller)),
            None => roster,
        };
        let address = listener.address();
        let connections = connections(door.connections, door.connections_per_address);
        let close = CancellationToken::new();
        let queue_timeout = door.queue_timeout;
        let config = Config { grace: LAST_BYTES, queue_timeout, ..connections };
        let serve = harmonic_gateway::serve(listener, roster, door.access, config, {
            let close = close.clone();
            async move { close.cancelled().await }
        });
        let server = AbortOnDropHandle::new(http.spawn(serve));
        Ok(Self { address, deployment, close, server, _http: http })
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

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What runs.
    pub fn plan(&self) -> &Plan {
        self.deployment.plan()
    }

    /// Resolves when the server has ended by itself, which it should not.
    ///
    /// # Errors
    /// Why it ended.
    pub async fn failed(&mut self) -> anyhow::Result<()> {
        (&mut self.server).await??;
        anyhow::bail!("the server ended by itself");
    }

    /// Takes no new requests, lets running answers finish for `grace`, and ends.
    ///
    /// # Errors
    /// When the server had failed before.
    pub async fn drain(self, grace: Duration) -> anyhow::Result<Vec<EngineDrained>> {
        let drained = self.deployment.drain(grace).await;
        self.close.cancel();
        self.server.await??;
        Ok(drained)
    }
}

async fn launch(
    plan: Plan,
    queue_limit: u32,
    available: Bytes,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Deployment> {
    let shown = Shown::on(printer);
    let engines = Engines::of(&plan, queue_limit);
    let start = Deployment::start(Arc::new(plan), Arc::new(engines), available, &shown);
    Ok(stop.or(start).await??)
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
