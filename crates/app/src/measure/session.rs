//! Session with the server under measurement: a team started for it, a running team, or any other
//! server.

use std::time::Duration;

use harmonic_api::{Client, ClientError};
use harmonic_bench::{HttpTarget, TargetDialect};
use harmonic_hardware::EngineDevice;
use harmonic_types::{EngineKind, Hardware, Plan};
use tempfile::TempDir;

use super::BenchRequest;
use super::environment::{self, Environment};
use super::identity::{self, ModelIdentity};
use super::own_processes;
use super::runs;
use super::targets::{self, BenchTarget};
use crate::engines;
use crate::error::{AppError, Result};
use crate::event::{Event, Observer};
use crate::inspect::{self, ENGINE_DEVICE};
use crate::listen::ListenConfig;
use crate::runs::{TeamEngine, scratch_journals};
use crate::serve::TeamServer;
use crate::server_choice::ServerChoice;
use crate::settings::Settings;

/// A server under measurement.
#[derive(Debug)]
pub struct Session {
    pub(super) client: Client,
    /// Wire dialect of the requests.
    dialect: TargetDialect,
    pub(super) targets: Vec<BenchTarget>,
    pub(super) identities: Vec<Option<ModelIdentity>>,
    pub(super) hardware: Hardware,
    /// Name of the stack that the server runs; `None` where it is not known.
    pub(super) stack: Option<String>,
    /// Device kind that its engines run on.
    pub(super) runs_on: EngineDevice,
    /// Whether the team was started for the session and `hardware` is simulated.
    is_simulation: bool,
    /// The team started for the session, until it is closed.
    serving: Option<TeamServer>,
    /// Journals of its runs, which nobody reads afterwards.
    _journals: Option<TempDir>,
}

impl Session {
    /// Session with a running server.
    ///
    /// # Errors
    /// When it cannot be reached, or lacks a requested agent.
    pub async fn attach(
        client: Client,
        request: &BenchRequest,
        settings: &Settings,
    ) -> Result<Self> {
        let hardware = inspect::hardware()?;
        let (targets, dialect) = targets::of_server(&client, request).await?;
        let identities = identity::of_server(&client, &targets, &hardware, settings).await?;
        let ours = identities.iter().any(Option::is_some);
        // The device of another server is not known: assumed is the best, as most use it.
        let runs_on = if ours { ENGINE_DEVICE } else { EngineDevice::Best };
        let stack = stack_of(&client, settings)?;
        if let Some(recipe) = &request.recipe {
            runs::check_recipe(&client, recipe).await?;
        }
        Ok(Self {
            client,
            dialect,
            targets,
            identities,
            hardware,
            stack,
            runs_on,
            is_simulation: false,
            serving: None,
            _journals: None,
        })
    }

    /// Session with a team of our own, started on a free port by `plan`.
    ///
    /// # Errors
    /// When it cannot be started, or lacks a requested agent or recipe.
    pub async fn start(
        plan: Plan,
        request: &BenchRequest,
        settings: &Settings,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let is_simulation = plan.engines.iter().all(|engine| engine.spec.kind() == EngineKind::Sim);
        let hardware = if is_simulation {
            let machine = inspect::machine(engines::simulated_profile(&plan).name)?;
            Hardware { name: format!("{}, simulated", machine.name), ..machine }
        } else {
            inspect::hardware()?
        };
        let targets = targets::of_plan(&plan, &request.agents)?;
        let identities = identity::of_plan(&plan, &targets, &hardware, settings)?;
        observer.event(Event::TeamPlanned { plan: &plan });
        let stack = Some(plan.stack.clone());
        let (serving, journals) = if request.recipe.is_some() {
            let (scratch, journals) = scratch_journals(settings)?;
            let listen = ListenConfig::private().with_runs();
            (TeamServer::start(plan, listen, &scratch, observer).await?, Some(journals))
        } else {
            let listen = ListenConfig::private();
            (TeamServer::start(plan, listen, settings, observer).await?, None)
        };
        let client = Client::new(&serving.url())?;
        if let Some(recipe) = &request.recipe
            && let Err(unknown) = runs::check_recipe(&client, recipe).await
        {
            serving.drain(Duration::ZERO).await?;
            return Err(unknown);
        }
        Ok(Self {
            client,
            dialect: TargetDialect::default(),
            targets,
            identities,
            hardware,
            stack,
            runs_on: ENGINE_DEVICE,
            is_simulation,
            serving: Some(serving),
            _journals: journals,
        })
    }

    /// The machine under load.
    pub(super) fn environment(&self) -> Environment {
        let own = match &self.serving {
            Some(team) => own_processes::with_own_team(team.plan()),
            None => own_processes::with_servers([&self.client]),
        };
        let environment = environment::of(&self.client, self.runs_on, own);
        match &self.serving {
            _ if self.is_simulation => environment.simulating(),
            Some(team) => environment.with_engines(team.plan()),
            None => environment,
        }
    }

    /// The server as the target of a benchmark.
    pub(super) fn target(&self) -> HttpTarget {
        HttpTarget::with_client(self.client.clone(), self.dialect)
    }

    /// Checks that curves of all targets can be saved: the server reports what it runs, and it is
    /// not simulated.
    ///
    /// # Errors
    /// Names the first target whose curve cannot be saved.
    pub fn check_savable(&self) -> Result<()> {
        let hint = "measure a llama.cpp team of our own on this machine";
        for (target, identity) in self.targets.iter().zip(&self.identities) {
            let Some(ModelIdentity { key, .. }) = identity else {
                let what = format!(
                    "no curve can be kept of {}: {} does not say which model file and engine build \
                     it runs",
                    target.model,
                    self.client.base_url()
                );
                return Err(AppError::refused(what, hint));
            };
            if engines::is_simulated(&key.engine) {
                let what = format!("no curve can be kept of {}: it is simulated", target.model);
                return Err(AppError::refused(what, hint));
            }
        }
        Ok(())
    }

    /// Ends the session, and the team started for it.
    ///
    /// # Errors
    /// When the server had failed before.
    pub async fn close(self) -> Result<()> {
        if let Some(serving) = self.serving {
            serving.drain(Duration::ZERO).await?;
        }
        Ok(())
    }
}

/// Name of the stack of a team that runs on this machine, by the record of its port.
fn stack_of(client: &Client, settings: &Settings) -> Result<Option<String>> {
    if !client.is_local() {
        return Ok(None);
    }
    let port = client.base_url().rsplit(':').next().and_then(|port| port.parse().ok());
    let instances = settings.instances.running()?.documents;
    let here = instances.into_iter().find(|instance| Some(instance.port) == port);
    Ok(here.map(|instance| instance.stack))
}

/// Client of the `chosen` server, which on a port need not be a team of ours; without a choice of
/// the one on our port, which must serve the stack `named`, or `None` where no server listens there.
///
/// # Errors
/// When the server cannot be reached, or serves another stack.
pub async fn running(
    chosen: &ServerChoice,
    named: Option<&str>,
    settings: &Settings,
    observer: &dyn Observer,
) -> Result<Option<Client>> {
    match chosen {
        ServerChoice::Address(url) => return Ok(Some(settings.client(url)?)),
        ServerChoice::Port(port) => {
            let instance = settings.instances.on(*port).ok().flatten();
            let url = instance.map(|instance| instance.url);
            let url = url.unwrap_or_else(|| format!("http://127.0.0.1:{port}"));
            return Ok(Some(settings.client(&url)?));
        }
        ServerChoice::Configured => {}
    }
    if settings.port == 0 {
        return Ok(None);
    }
    let client = settings.client(&format!("http://127.0.0.1:{}", settings.port))?;
    match client.health().await {
        Ok(()) => {}
        Err(ClientError::Unreachable { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let url = client.base_url().to_owned();
    if let Some(stack) = named {
        let wanted = harmonic_stack::resolve(stack)?;
        let mut served = client.models().await?;
        served.retain(|name| !TeamEngine::is_name(name));
        let same = wanted.agents.iter().all(|agent| served.contains(&agent.name.0));
        if !same || wanted.agents.len() != served.len() {
            let what = format!("the server at {url} does not serve the stack {stack}");
            let hint = "stop it to measure that stack, or leave out --stack to measure it";
            return Err(AppError::refused(what, hint));
        }
    }
    observer.event(Event::ServerFound { url: &url });
    Ok(Some(client))
}
