//! Measured server: a child process on loopback.
//!
//! Invariants: the process ends when this value is dropped; its output goes to a file.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::cpu;
use crate::http::Exchange;
use crate::load::Ask;
use crate::team::Team;

/// Timeout for loading the model.
const START: Duration = Duration::from_mins(2);

/// Selection of the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// By model name; the server adds the system prompt.
    Agents,
    /// By a system prompt in each request.
    SystemMessages,
}

/// Running server.
pub struct Server {
    name: &'static str,
    child: Child,
    address: SocketAddr,
    dialect: Dialect,
    team: Team,
}

impl Server {
    /// Waits until `child`, which listens at `address`, is ready.
    pub async fn ready(
        name: &'static str,
        mut child: Child,
        address: SocketAddr,
        dialect: Dialect,
        team: Team,
    ) -> anyhow::Result<Self> {
        let began = Instant::now();
        // While loading it refuses the connection or answers 503.
        while Exchange::get(address, "/health").await.is_err() {
            if let Some(status) = child.try_wait()? {
                bail!("{name} ended while it started: {status}");
            }
            if began.elapsed() > START {
                bail!("{name} does not serve after {} s", START.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Self { name, child, address, dialect, team })
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn agents(&self) -> usize {
        self.team.agents.len()
    }

    /// CPU time used so far, in seconds over all its threads.
    pub fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let id = self.child.id().with_context(|| format!("{} has ended", self.name))?;
        cpu::seconds(&id.to_string())
    }

    /// Request in this server's dialect. All sampling parameters are explicit, because the servers'
    /// defaults differ.
    pub fn body(&self, ask: &Ask) -> String {
        let agent = &self.team.agents[ask.agent];
        let user = json!({"role": "user", "content": ask.user});
        let messages: Vec<Value> = match self.dialect {
            Dialect::Agents => vec![user],
            Dialect::SystemMessages => {
                vec![json!({"role": "system", "content": agent.system}), user]
            }
        };
        json!({
            "model": agent.name,
            "messages": messages,
            "max_tokens": ask.output,
            "ignore_eos": true,
            "stream": true,
            "stream_options": {"include_usage": true},
            "temperature": 0.7,
            "top_k": 40,
            "top_p": 0.95,
            "min_p": 0.0,
            "repeat_penalty": 1.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
        })
        .to_string()
    }

    /// Stops the server, and waits until its memory and cores are free.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }
}

/// Starts `command`, which is stopped when the returned value is dropped, and logs to `log`.
pub fn spawn(command: &mut Command, stdout: Stdio, log: &Path) -> anyhow::Result<Child> {
    let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let program = command.as_std().get_program().to_owned();
    command
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(file)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))
}
