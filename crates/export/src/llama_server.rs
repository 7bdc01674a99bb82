//! One `llama-server` command per engine, and the prompts of its agents.
//!
//! The flags are those of llama.cpp's `common/arg.cpp`, build 11434.

use harmonic_types::{AgentPlan, Attention, EnginePlan, KvLayout, KvType, Plan, Pooling, Sampling};

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
    let path = engine
        .model_path()
        .ok_or_else(|| ExportError::NoModelFile { model: engine.model.clone() })?;
    let mut words: Vec<String> = Vec::new();
    let mut add = |parts: &[&str]| words.extend(parts.iter().map(|part| (*part).to_owned()));
    let path = path.display().to_string();
    add(&["llama-server", "-m", &path, "--alias", &engine.id]);
    add(&["--host", "127.0.0.1", "--port", &port.to_string()]);
    if let Some(pooling) = engine.pooling() {
        words.extend(for_embeddings(engine, agents, pooling));
        return Ok(words);
    }
    let mut add = |parts: &[&str]| words.extend(parts.iter().map(|part| (*part).to_owned()));
    // -c is the total cache, which streams divide among the slots.
    add(&["-np", &engine.sequences.to_string()]);
    if let Some(cells) = engine.kv_tokens() {
        add(&["-c", &cells.to_string()]);
    }
    match engine.kv_layout() {
        Some(KvLayout::Unified) => add(&["--kv-unified"]),
        Some(KvLayout::Streams) => add(&["--no-kv-unified"]),
        None => {}
    }
    if engine.kv_type() == Some(KvType::Q8_0) {
        // A quantised V cache requires flash attention.
        add(&["-ctk", "q8_0", "-ctv", "q8_0", "-fa", "on"]);
    }
    if engine.attention() == Some(Attention::Plain) {
        add(&["-fa", "off"]);
    }
    words.extend(device(engine));
    let mut add = |parts: &[&str]| words.extend(parts.iter().map(|part| (*part).to_owned()));
    if let Some(sampling) = common_sampling(agents) {
        add(&["--temp", &sampling.temperature.to_string()]);
        add(&["--top-k", &sampling.top_k.to_string(), "--top-p", &sampling.top_p.to_string()]);
        add(&["--min-p", &sampling.min_p.to_string()]);
        add(&["--repeat-penalty", &sampling.repeat_penalty.to_string()]);
        add(&["--presence-penalty", &sampling.presence_penalty.to_string()]);
        add(&["--frequency-penalty", &sampling.frequency_penalty.to_string()]);
    }
    Ok(words)
}

/// Threads and layers on the device.
fn device(engine: &EnginePlan) -> impl Iterator<Item = String> {
    let layers = if engine.device == "cpu" { "0" } else { "999" };
    let threads = engine.threads().map(|threads| ["-t".to_owned(), threads.to_string()]);
    threads.into_iter().flatten().chain(["-ngl", layers].map(str::to_owned))
}

/// The flags of a server for embeddings: each slot has the context of the agents, and a physical
/// batch holds a whole input.
fn for_embeddings(
    engine: &EnginePlan,
    agents: &[&AgentPlan],
    pooling: Pooling,
) -> impl Iterator<Item = String> {
    let context = agents.iter().map(|agent| agent.context.0).max().unwrap_or_default();
    let batch = context.max(512).to_string();
    let cells = (u64::from(context) * u64::from(engine.slots)).to_string();
    let pooling = match pooling {
        Pooling::Mean => "mean",
        Pooling::Cls => "cls",
        Pooling::Last => "last",
    };
    let slots = engine.slots.to_string();
    let flags = ["--embeddings", "--pooling", pooling, "-np", &slots, "-c", &cells];
    let batches = ["-b", &batch, "-ub", &batch];
    let flags: Vec<String> = flags.into_iter().chain(batches).map(str::to_owned).collect();
    flags.into_iter().chain(device(engine))
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
            "- `./llama-{}.sh`: http://127.0.0.1:{port}/v1, {} sequences, {} for {agents}",
            engine.id, engine.sequences, engine.total_bytes
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
