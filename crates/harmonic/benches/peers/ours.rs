//! `harmonic up`, on a plan for the team that is measured.

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

/// The program under test, as cargo has just built it.
const PROGRAM: &str = env!("CARGO_BIN_EXE_harmonic");

/// Name of the model in the store of the run.
const MODEL: &str = "peers";

/// How long it may take to load its model.
const START: Duration = Duration::from_mins(2);

/// A server of ours, and the layout of the KV cache that its plan has.
pub async fn start(setup: &Setup, folder: &Path) -> anyhow::Result<(Server, KvLayout)> {
    let plan = plan(setup, folder).await?;
    let layout = plan.engines[0].local().kv_layout;
    let file = folder.join("plan.json");
    std::fs::write(&file, serde_json::to_vec_pretty(&plan)?)?;
    let log = folder.join("harmonic.log");
    let mut command = program(folder);
    command.arg("up").arg("--plan").arg(&file).args(["--port", "0"]);
    let mut child = spawn(&mut command, Stdio::piped(), &log)?;
    let out = child.stdout.take().context("its output is piped")?;
    let mut line = String::new();
    // Once it serves, it prints its address.
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

/// What the planner makes of the team, on exactly the file and the threads that the peer gets.
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

/// The program, cut off from the user's models and curves.
fn program(folder: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .env("HARMONIC_MODELS", folder.join("store"))
        .env("XDG_DATA_HOME", folder.join("data"))
        .env("NO_COLOR", "1")
        .kill_on_drop(true);
    command
}

/// What `command` prints.
async fn run(command: &mut Command) -> anyhow::Result<Vec<u8>> {
    let output = command.stdin(Stdio::null()).output().await?;
    if !output.status.success() {
        bail!("{PROGRAM} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output.stdout)
}
