//! `harmonic up` on a plan for the measured team.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use harmonic_types::{EngineSpec, KvLayout, Plan};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::server::{Dialect, Server, spawn};
use crate::setup::Setup;

/// Program under test, as built by cargo.
const PROGRAM: &str = env!("CARGO_BIN_EXE_harmonic");

/// Name of the model in the run's store.
const MODEL: &str = "peers";

/// Timeout for loading the model.
const START: Duration = Duration::from_mins(2);

/// Running harmonic server, and the layout of the KV cache in its plan.
pub async fn start(setup: &Setup, folder: &Path) -> anyhow::Result<(Server, KvLayout)> {
    let plan = plan(setup, folder).await?;
    let local = plan.engines[0].local().context("the plan has no engine of its own process")?;
    let layout = local.kv_layout;
    let file = folder.join("plan.json");
    std::fs::write(&file, serde_json::to_vec_pretty(&plan)?)?;
    let log = folder.join("harmonic.log");
    let mut command = program(folder);
    command.arg("up").arg("--plan").arg(&file).args(["--port", "0"]);
    let mut child = spawn(&mut command, Stdio::piped(), &log)?;
    let out = child.stdout.take().context("its output is piped")?;
    let mut line = String::new();
    // It prints its address when ready.
    tokio::time::timeout(START, BufReader::new(out).read_line(&mut line))
        .await
        .context("harmonic does not serve")??;
    let Some(address) = line.trim().strip_prefix("http://") else {
        bail!("harmonic did not start: {}", std::fs::read_to_string(&log)?.trim());
    };
    let address: SocketAddr = address.parse()?;
    let server = Server::ready("harmonic", child, address, Dialect::Agents, setup.team.clone());
    Ok((server.await?, layout))
}

/// Plan for the team, with exactly the file and threads that llama-server gets.
async fn plan(setup: &Setup, folder: &Path) -> anyhow::Result<Plan> {
    let store = folder.join("store");
    if store.exists() {
        std::fs::remove_dir_all(&store)?;
    }
    run(program(folder).args(["models", "pull", "--name", MODEL]).arg(&setup.model)).await?;
    let stack = folder.join("stack.toml");
    std::fs::write(&stack, setup.team.stack_file(MODEL, setup.context))?;
    let printed = run(program(folder).args(["plan", "--json", "--stack"]).arg(&stack)).await?;
    let mut plan: Plan = serde_json::from_slice(&printed).context("harmonic printed no plan")?;
    let [engine] = plan.engines.as_mut_slice() else { bail!("one engine was to be planned") };
    ensure!(
        engine.sequences == setup.sequences,
        "the plan has {} sequences, not {}",
        engine.sequences,
        setup.sequences
    );
    for agent in &plan.agents {
        ensure!(
            agent.context.0 >= setup.context,
            "the plan gives {} a context of {}, not of {}",
            agent.name.0,
            agent.context.0,
            setup.context
        );
    }
    let EngineSpec::Llama(llama) = &mut engine.spec else { bail!("llama.cpp was to be planned") };
    llama.local.path = Some(setup.model.clone());
    llama.local.threads = setup.threads;
    Ok(plan)
}

/// The program, isolated from the user's models and curves.
fn program(folder: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .env("HARMONIC_MODELS", folder.join("store"))
        .env("XDG_DATA_HOME", folder.join("data"))
        .env("NO_COLOR", "1")
        .kill_on_drop(true);
    command
}

/// Output of `command`.
async fn run(command: &mut Command) -> anyhow::Result<Vec<u8>> {
    let output = command.stdin(Stdio::null()).output().await?;
    if !output.status.success() {
        bail!("{PROGRAM} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output.stdout)
}
