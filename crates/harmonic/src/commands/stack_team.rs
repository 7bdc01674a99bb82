//! The team of a stack for one command: one that runs, or one that is started for it.

use std::time::Duration;

use harmonic_app::listen::ListenConfig;
use harmonic_app::serve::TeamServer;
use harmonic_app::server_choice::{ChosenServer, serving};
use harmonic_app::{Settings, TeamRequest};
use harmonic_process::Stop;
use harmonic_render::{Printer, Progress};

use super::prepare;

/// A team that serves a stack.
pub struct StackTeam {
    pub server: ChosenServer,
    /// Name of the stack.
    pub stack: String,
    started: Option<TeamServer>,
}

impl StackTeam {
    /// The team of this machine that serves `stack`, or one that is started, whose models are fetched
    /// without a question if `yes`.
    pub async fn open(
        stack: &str,
        yes: bool,
        settings: &Settings,
        printer: &Printer,
        stop: &Stop,
    ) -> anyhow::Result<Self> {
        let progress = Progress::on(printer);
        let team = TeamRequest { stack: Some(stack.to_owned()), ..TeamRequest::default() };
        if let Some(server) = serving(stack, settings, &progress)? {
            let stack = team.resolve(settings)?.name;
            return Ok(Self { server, stack, started: None });
        }
        let (plan, _) = prepare::plan(&team, settings, yes, printer, stop).await?;
        let stack = plan.stack.clone();
        let listen = ListenConfig::private().with_runs();
        let starting = TeamServer::start(plan, listen, settings, &progress);
        let team = stop.or(starting).await??;
        // Within the run that has started this process, which the new server does not know.
        let client = settings.client(&team.url())?;
        let server = ChosenServer { client, option: String::new() };
        Ok(Self { server, stack, started: Some(team) })
    }

    /// Ends the team, if it was started here.
    pub async fn end(self) -> anyhow::Result<()> {
        if let Some(team) = self.started {
            team.drain(Duration::ZERO).await?;
        }
        Ok(())
    }
}
