//! Child process: this program in the role under measurement.
//!
//! Invariants: the process ends when this value is dropped.

use std::net::SocketAddr;
use std::process::Stdio;

use anyhow::Context;
use clap::ValueEnum;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child as Process, ChildStdin, ChildStdout, Command};

use crate::arguments::Role;
use crate::usage::Usage;

/// Child process under measurement.
pub struct Child {
    process: Process,
    id: u32,
    /// The child serves until this is closed.
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Child {
    /// Starts the child in `role`.
    pub fn start(role: Role, arguments: &[String]) -> anyhow::Result<Self> {
        let role = role.to_possible_value().context("every role has a name")?;
        let mut process = Command::new(std::env::current_exe()?)
            .args(["--serve", role.get_name()])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let id = process.id().context("a running child has a process id")?;
        let stdin = process.stdin.take();
        let stdout = process.stdout.take().context("its output is piped")?;
        let lines = BufReader::new(stdout).lines();
        Ok(Self { process, id, stdin, lines })
    }

    /// Address it listens on.
    pub async fn address(&mut self) -> anyhow::Result<SocketAddr> {
        Ok(self.line().await?.parse()?)
    }

    /// CPU time and memory used so far.
    pub fn usage(&self) -> anyhow::Result<Usage> {
        Usage::of(self.id)
    }

    /// Ends the server; returns its report.
    pub async fn end<T: DeserializeOwned>(mut self) -> anyhow::Result<T> {
        drop(self.stdin.take());
        self.report().await
    }

    /// Waits for the report and the end of the process.
    pub async fn report<T: DeserializeOwned>(mut self) -> anyhow::Result<T> {
        let line = self.line().await?;
        self.process.wait().await?;
        Ok(serde_json::from_str(&line)?)
    }

    async fn line(&mut self) -> anyhow::Result<String> {
        self.lines.next_line().await?.context("the child process ended too early")
    }
}
