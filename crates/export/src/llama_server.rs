//! One `llama-server` command per engine, and the prompts of its agents.

use std::ffi::OsString;
use std::iter;

use harmonic_programs::llama_server::{Embedding, Flags};
use harmonic_types::{AgentPlan, EnginePlan, Plan, Sampling, counted};

use super::{ExportedFile, names, port, quote, skipped};
use crate::error::ExportError;

/// Distinct from the default ports of llama-server, Ollama and Harmonic Stack.
const FIRST_PORT: u16 = 4281;

/// One llama-server process.
#[derive(Clone, Debug)]
pub(super) struct Server<'a> {
    pub(super) engine: &'a EnginePlan,
    pub(super) agents: Vec<&'a AgentPlan>,
    /// Program and arguments, not quoted.
    pub(super) command: Vec<String>,
    port: u16,
}

/// One server per engine of the plan.
///
/// # Errors
/// If a model file is absent.
pub(super) fn servers(plan: &Plan) -> Result<Vec<Server<'_>>, ExportError> {
    plan.engines
        .iter()
        .enumerate()
        .map(|(index, engine)| {
            let serves = |agent: &&AgentPlan| agent.engine.as_ref() == Some(&engine.id);
            let agents: Vec<&AgentPlan> = plan.agents.iter().filter(serves).collect();
            let port = port(FIRST_PORT, index)?;
            let command = command(engine, &agents, port)?;
            Ok(Server { engine, agents, command, port })
        })
        .collect()
}

/// One script per server, one prompt per agent, and the README.
pub(super) fn files(plan: &Plan) -> Result<Vec<ExportedFile>, ExportError> {
    let servers = servers(plan)?;
    let mut files = vec![ExportedFile::new("README.md", readme(plan, &servers))];
    for server in &servers {
        let words = server.command.iter().map(|word| quote::shell(word));
        let words = words.collect::<Result<Vec<_>, _>>()?;
        let agents = names(server.agents.iter().copied());
        let text = format!("#!/bin/sh\n# {agents}\nexec {}\n", words.join(" "));
        files.push(ExportedFile::script(format!("llama-{}.sh", server.engine.id), text));
    }
    let placed = plan.agents.iter().filter(|agent| agent.engine.is_some());
    files.extend(placed.map(|agent| {
        ExportedFile::new(format!("{}.system.md", agent.name), format!("{}\n", agent.spec.system))
    }));
    Ok(files)
}

fn command(
    engine: &EnginePlan,
    agents: &[&AgentPlan],
    port: u16,
) -> Result<Vec<String>, ExportError> {
    let model = engine
        .model_path()
        .ok_or_else(|| ExportError::NoModelFile { model: engine.model.clone() })?
        .to_owned();
    let (slots, cells, embedding) = match engine.pooling() {
        Some(pooling) => {
            // Each slot has the context of the agents, and a batch holds a whole input.
            let context = agents.iter().map(|agent| agent.context.0).max().unwrap_or_default();
            let cells = u64::from(context) * u64::from(engine.slots);
            (engine.slots, cells, Some(Embedding { pooling, batch: context.max(512) }))
        }
        None => (engine.sequences, engine.kv_tokens().unwrap_or_default(), None),
    };
    let flags = Flags {
        model,
        alias: engine.id.clone(),
        host: "127.0.0.1".to_owned(),
        port,
        slots,
        cells,
        layout: engine.kv_layout().unwrap_or_default(),
        kv_type: engine.kv_type().unwrap_or_default(),
        attention: engine.attention(),
        threads: engine.threads().unwrap_or_default(),
        on_gpu: engine.device != "cpu",
        prompt_cache: engine.prefix_bytes,
        embedding,
        sampling: embedding.is_none().then(|| common_sampling(agents).cloned()).flatten(),
        metrics: false,
    };
    flags.check(&engine.id)?;
    let words = iter::once("llama-server".into()).chain(flags.arguments());
    let text = |word: OsString| {
        let invalid = |word: OsString| ExportError::ModelPath { path: word.display().to_string() };
        word.into_string().map_err(invalid)
    };
    words.map(text).collect()
}

/// The common sampling of all agents; `None` if they differ and requests must state it.
fn common_sampling<'a>(agents: &[&'a AgentPlan]) -> Option<&'a Sampling> {
    let first = &agents.first()?.spec.sampling;
    agents.iter().all(|agent| agent.spec.sampling == *first).then_some(first)
}

fn readme(plan: &Plan, servers: &[Server<'_>]) -> String {
    let mut lines = vec![
        format!("# Stack {} on llama-server", plan.stack),
        String::new(),
        "Each script starts one engine:".to_owned(),
        String::new(),
    ];
    for Server { engine, agents, port, .. } in servers {
        let agents = names(agents.iter().copied());
        lines.push(format!(
            "- `./llama-{}.sh`: http://127.0.0.1:{port}/v1, {}, {} for {agents}",
            engine.id,
            counted(engine.sequences, "sequence"),
            engine.total_bytes
        ));
    }
    lines.push(String::new());
    lines.push("Differences from the plan:".to_owned());
    lines.push(String::new());
    lines.push(
        "- llama-server has no agents: each request must contain the prompt (`NAME.system.md`) and, \
         if the agents of an engine differ, their sampling."
            .to_owned(),
    );
    lines.push(
        "- Sequences are assigned in order of arrival, not by the slots of each agent; with a \
         unified cache one request may fill the pool."
            .to_owned(),
    );
    let in_flight = plan.max_in_flight;
    lines.push(format!("- `max_in_flight` ({in_flight}) over all engines is not enforced."));
    if let Some(skipped) = skipped(plan) {
        lines.extend([String::new(), skipped]);
    }
    lines.join("\n") + "\n"
}
