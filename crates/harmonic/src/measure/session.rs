//! A server that is measured, and what is known of it: one of ours, started for the purpose or
//! running already, or anybody's.

use std::time::Duration;

use harmonic_api::{Client, ClientError};
use harmonic_bench::{HttpTarget, Wire};
use harmonic_hardware::RunsOn;
use harmonic_types::Hardware;

use super::behind::{self, Behind};
use super::loads::{self, Asked};
use crate::cli::Bench;
use crate::door::Door;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::serving::Serving;
use crate::settings::Settings;
use crate::stop::Stop;
use crate::{engines, team};

/// A server that answers.
#[derive(Debug)]
pub struct Session {
    pub client: Client,
    /// What it is asked in.
    pub wire: Wire,
    pub asked: Vec<Asked>,
    pub behind: Vec<Option<Behind>>,
    pub hardware: Hardware,
    /// What its engines run on.
    pub on: RunsOn,
    /// Ours, until the session is closed.
    serving: Option<Serving>,
}

impl Session {
    /// The server at `args.target`, else the one that runs on our port, else a team of our own,
    /// started on a free port.
    ///
    /// # Errors
    /// When it cannot be reached or started, or has no agent that is asked for.
    pub async fn open(
        args: &Bench,
        settings: &Settings,
        printer: &Printer,
        stop: &Stop,
    ) -> anyhow::Result<Self> {
        match running(args, settings, printer).await? {
            Some(client) => Self::at(client, args, settings).await,
            None => Self::own(args, settings, printer, stop).await,
        }
    }

    /// A server that runs.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub async fn at(client: Client, args: &Bench, settings: &Settings) -> anyhow::Result<Self> {
        let hardware = team::hardware()?;
        let (asked, wire) = loads::of_server(&client, args).await?;
        let behind = behind::of_server(&client, &asked, &hardware, settings).await?;
        let ours = behind.iter().any(Option::is_some);
        // What another server runs on is not known: the best there is, as most do.
        let on = if ours { team::RUNS_ON } else { RunsOn::Best };
        Ok(Self { client, wire, asked, behind, hardware, on, serving: None })
    }

    async fn own(
        args: &Bench,
        settings: &Settings,
        printer: &Printer,
        stop: &Stop,
    ) -> anyhow::Result<Self> {
        let hardware = team::hardware()?;
        let stack = team::stack(&args.team, settings)?;
        if args.team.engine.needs_models() {
            team::pull_missing(&stack, settings, &hardware, args.yes, printer, stop).await?;
        }
        let plan = team::plan(&stack, settings, &hardware, &args.team, printer)?;
        let asked = loads::of_plan(&plan, &args.agent)?;
        let behind = behind::of_plan(&plan, &asked, &hardware, settings)?;
        printer.say(&format!("stack {}: {}", plan.stack, harmonic_render::plan::sharing(&plan)));
        let serving = Serving::start(plan, Door::private(), printer, stop).await?;
        let client = Client::new(&serving.url())?;
        let serving = Some(serving);
        let (wire, on) = (Wire::default(), team::RUNS_ON);
        Ok(Self { client, wire, asked, behind, hardware, on, serving })
    }

    /// The server as what is measured.
    pub fn target(&self) -> HttpTarget {
        HttpTarget::over(self.client.clone(), self.wire)
    }

    /// Whether curves of all that is measured can be kept: the server says what it runs, and does
    /// not simulate it.
    ///
    /// # Errors
    /// Why not.
    pub fn keepable(&self) -> Result<(), Failure> {
        let hint = "measure a llama.cpp team of our own on this machine";
        for (asked, behind) in self.asked.iter().zip(&self.behind) {
            let Some(Behind { key, .. }) = behind else {
                let what = format!(
                    "no curve can be kept of {}: {} does not say which model file and engine build \
                     it runs",
                    asked.model,
                    self.client.base_url()
                );
                return Err(Failure::new(what, hint));
            };
            if engines::is_simulated(&key.engine) {
                let what = format!("no curve can be kept of {}: it is simulated", asked.model);
                return Err(Failure::new(what, hint));
            }
        }
        Ok(())
    }

    /// Ends what was started.
    ///
    /// # Errors
    /// When the server had failed before.
    pub async fn close(self) -> anyhow::Result<()> {
        if let Some(serving) = self.serving {
            serving.drain(Duration::ZERO).await?;
        }
        Ok(())
    }
}

/// The server that is named, else the one that runs on our port.
async fn running(
    args: &Bench,
    settings: &Settings,
    printer: &Printer,
) -> anyhow::Result<Option<Client>> {
    if let Some(url) = &args.target {
        return Ok(Some(settings.client(url)?));
    }
    if settings.port == 0 {
        return Ok(None);
    }
    let client = settings.client(&format!("http://127.0.0.1:{}", settings.port))?;
    match client.health().await {
        Ok(()) => {
            let url = client.base_url().to_owned();
            if let Some(stack) = &args.team.stack {
                let named = harmonic_stack::resolve(stack)?;
                let runs = client.models().await?;
                let same = named.agents.iter().all(|agent| runs.contains(&agent.name.0));
                if !same || named.agents.len() != runs.len() {
                    let what = format!("the server at {url} does not serve the stack {stack}");
                    let hint = "stop it to measure that stack, or leave out --stack to measure it";
                    return Err(Failure::new(what, hint).into());
                }
            }
            printer.say(&format!("measuring the server that runs at {url}"));
            Ok(Some(client))
        }
        Err(ClientError::Unreachable { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
