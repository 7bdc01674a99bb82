//! The bare decode loop of `crates/llama/benches/bare.rs`, as a child process.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::process::Command;

/// Compiled loop.
#[derive(Debug)]
pub struct Bare {
    program: PathBuf,
}

impl Bare {
    /// Compiles it.
    pub async fn build(cargo: &Path) -> anyhow::Result<Self> {
        let output = Command::new(cargo)
            .args(["bench", "--quiet", "--package", "harmonic-llama", "--bench", "bare"])
            .args(["--no-run", "--locked", "--message-format", "json-render-diagnostics"])
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .output()
            .await
            .with_context(|| format!("cannot start {}", cargo.display()))?;
        if !output.status.success() {
            bail!("the bare loop does not compile");
        }
        let messages = String::from_utf8_lossy(&output.stdout);
        let program = messages.lines().find_map(|line| {
            let message: Value = serde_json::from_str(line).ok()?;
            let is_it = message["target"]["name"] == "bare";
            message["executable"].as_str().filter(|_| is_it).map(PathBuf::from)
        });
        Ok(Self { program: program.context("cargo does not say where the bare loop is")? })
    }

    /// Output tokens per second of `sequences` sequences, each with a prompt of `prompt` tokens and
    /// `output` generated tokens; the time includes prefill.
    pub async fn tok_s(
        &self,
        model: &Path,
        threads: u32,
        sequences: u32,
        prompt: u32,
        output: u32,
    ) -> anyhow::Result<f64> {
        let ran = Command::new(&self.program)
            .arg(model)
            .args([threads, sequences].map(|number| number.to_string()))
            .args(["--prompt", &prompt.to_string(), "--output", &output.to_string()])
            .args(["--prefill", "--trials", "1"])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await?;
        let printed = String::from_utf8_lossy(&ran.stdout);
        let line: Value = serde_json::from_str(&printed).with_context(|| {
            format!("the bare loop failed: {printed}{}", String::from_utf8_lossy(&ran.stderr))
        })?;
        line["tok_s"].as_f64().context("the bare loop printed no rate")
    }
}
