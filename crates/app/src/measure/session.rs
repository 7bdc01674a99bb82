//! A server that is measured, and what is known of it: one of ours, started for the purpose or
//! running already, or anybody's.

use std::time::Duration;

use harmonic_api::{Client, ClientError};
use harmonic_bench::{HttpTarget, TargetDialect};
use harmonic_hardware::EngineDevice;
use harmonic_types::{Hardware, Plan};

use super::BenchRequest;
use super::identity::{self, ModelIdentity};
use super::targets::{self, BenchTarget};
use crate::engines;
use crate::error::{AppError, Result};
use crate::event::{Event, Observer};
use crate::inspect::{self, ENGINE_DEVICE};
use crate::listen::ListenConfig;
use crate::serve::Serving;
use crate::settings::Settings;

/// A server that answers.
#[derive(Debug)]
pub struct Session {
    pub(super) client: Client,
    /// What it is asked in.
    wire: TargetDialect,
    pub(super) targets: Vec<BenchTarget>,
    pub(super) identities: Vec<Option<ModelIdentity>>,
    pub(super) hardware: Hardware,
    /// What its engines run on.
    pub(super) on: EngineDevice,
    /// Ours, until the session is closed.
    serving: Option<Serving>,
}

impl Session {
    /// A server that runs.
    ///
    /// # Errors
    /// When it cannot be reached, or has no agent that is asked for.
    pub async fn at(client: Client, request: &BenchRequest, settings: &Settings) -> Result<Self> {
        let hardware = inspect::hardware()?;
        let (targets, wire) = targets::of_server(&client, request).await?;
        let identities = identity::of_server(&client, &targets, &hardware, settings).await?;
        let ours = identities.iter().any(Option::is_some);
        // What another server runs on is not known: the best there is, as most do.
        let on = if ours { ENGINE_DEVICE } else { EngineDevice::Best };
        Ok(Self { client, wire, targets, identities, hardware, on, serving: None })
    }

    /// A team of our own, started on a free port as `plan` has it.
    ///
    /// # Errors
    /// When it cannot be started, or has no agent that is asked for.
    pub async fn own(
        plan: Plan,
        request: &BenchRequest,
        settings: &Settings,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let hardware = inspect::hardware()?;
        let targets = targets::of_plan(&plan, &request.agents)?;
        let identities = identity::of_plan(&plan, &targets, &hardware, settings)?;
        observer.event(Event::TeamPlanned { plan: &plan });
        let serving = Serving::start(plan, ListenConfig::private(), settings, observer).await?;
        let client = Client::new(&serving.url())?;
        let serving = Some(serving);
        let (wire, on) = (TargetDialect::default(), ENGINE_DEVICE);
        Ok(Self { client, wire, targets, identities, hardware, on, serving })
    }

    /// The server as what is measured.
    pub(super) fn target(&self) -> HttpTarget {
        HttpTarget::with_client(self.client.clone(), self.wire)
    }

    /// Whether curves of all that is measured can be kept: the server says what it runs, and does
    /// not simulate it.
    ///
    /// # Errors
    /// Why not.
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

    /// Ends what was started.
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

/// The server at `target`, else the one that runs on our port, which must serve the stack `named`.
///
/// # Errors
/// When it cannot be asked, or serves another stack.
pub async fn running(
    target: Option<&str>,
    named: Option<&str>,
    settings: &Settings,
    observer: &dyn Observer,
) -> Result<Option<Client>> {
    if let Some(url) = target {
        return Ok(Some(settings.client(url)?));
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
        let runs = client.models().await?;
        let same = wanted.agents.iter().all(|agent| runs.contains(&agent.name.0));
        if !same || wanted.agents.len() != runs.len() {
            let what = format!("the server at {url} does not serve the stack {stack}");
            let hint = "stop it to measure that stack, or leave out --stack to measure it";
            return Err(AppError::refused(what, hint));
        }
    }
    observer.event(Event::ServerFound { url: &url });
    Ok(Some(client))
}
