//! Ollama servers: one environment per server, one Modelfile per agent.
//!
//! `OLLAMA_NUM_PARALLEL` applies to every model of a server, so agents with different numbers of
//! slots need different servers. If the plan isolates agents, each has its own server. Agents on
//! one base model and server have the same `num_ctx`: Ollama shares a loaded model only if all
//! options are equal, and reloads it for each change.

mod modelfile;

use std::collections::BTreeMap;

use harmonic_programs::ollama::{MULTIUSER_CACHE, Settings};
use harmonic_types::{AgentPlan, Bytes, EnginePlan, KvType, Plan, Sharing, Tokens};

use super::{ExportedFile, names, port, skipped};
use crate::error::ExportError;

/// Above Ollama's default, 11434, where another instance may run.
const FIRST_PORT: u16 = 11435;

/// One Ollama server.
#[derive(Clone, Debug)]
pub(super) struct Server<'a> {
    /// `16x`, or the agent's name if agents are isolated.
    pub(super) name: String,
    slots: u32,
    port: u16,
    /// Agents with their engines in the plan.
    agents: Vec<(&'a AgentPlan, &'a EnginePlan)>,
}

/// The servers of the plan, by decreasing slots.
pub(super) fn servers(plan: &Plan) -> Result<Vec<Server<'_>>, ExportError> {
    let engine_of = |agent: &AgentPlan| {
        plan.engines.iter().find(|engine| Some(&engine.id) == agent.engine.as_ref())
    };
    let mut servers: Vec<Server<'_>> = Vec::new();
    for agent in &plan.agents {
        let Some(engine) = engine_of(agent) else { continue };
        let name = match plan.sharing {
            Sharing::Shared => format!("{}x", agent.slots),
            Sharing::Isolated => agent.name.0.clone(),
        };
        match servers.iter_mut().find(|server| server.name == name) {
            Some(server) => server.agents.push((agent, engine)),
            None => servers.push(Server {
                name,
                slots: agent.slots,
                port: 0,
                agents: vec![(agent, engine)],
            }),
        }
    }
    servers.sort_by_key(|server| std::cmp::Reverse(server.slots));
    for (index, server) in servers.iter_mut().enumerate() {
        server.port = port(FIRST_PORT, index)?;
    }
    Ok(servers)
}

impl Server<'_> {
    /// Environment variables of `ollama serve`.
    pub(super) fn environment(&self) -> Vec<(&'static str, String)> {
        let loaded = self.loaded();
        let contexts = loaded.values().map(|(_, context)| *context);
        let is_quantised =
            |(_, engine): &(&AgentPlan, &EnginePlan)| engine.kv_type() == Some(KvType::Q8_0);
        let settings = Settings {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            parallel: self.slots,
            context: contexts.max().unwrap_or_default(),
            loaded_models: u32::try_from(loaded.len()).unwrap_or(u32::MAX),
            kv_type: if self.agents.iter().any(is_quantised) { KvType::Q8_0 } else { KvType::F16 },
            attention: None,
        };
        let mut variables = settings.variables();
        // A value in the user's environment would count otherwise.
        variables.push((MULTIUSER_CACHE, "0".to_owned()));
        variables
    }

    /// Names of its agents, comma-separated.
    pub(super) fn agents(&self) -> String {
        names(self.agents.iter().map(|(agent, _)| *agent))
    }

    /// Engine in the plan and shared context, by base model.
    fn loaded(&self) -> BTreeMap<&str, (&EnginePlan, Tokens)> {
        let mut loaded: BTreeMap<&str, (&EnginePlan, Tokens)> = BTreeMap::new();
        for &(agent, engine) in &self.agents {
            let (_, context) =
                loaded.entry(agent.model.as_str()).or_insert((engine, agent.context));
            *context = (*context).max(agent.context);
        }
        loaded
    }

    /// Weights and KV cache of all loaded models; `None` if the plan has no KV cells.
    fn memory(&self) -> Option<Bytes> {
        let of = |(engine, context): &(&EnginePlan, Tokens)| {
            let cells = u128::from(context.0) * u128::from(self.slots);
            let kv = u128::from(engine.kv_bytes.0) * cells;
            let kv = kv.checked_div(u128::from(engine.kv_tokens()?))?;
            Some(Bytes(engine.weights_bytes.0.saturating_add(u64::try_from(kv).ok()?)))
        };
        self.loaded().values().map(of).sum()
    }
}

/// Environments, Modelfiles, their scripts and the README.
pub(super) fn files(plan: &Plan) -> Result<Vec<ExportedFile>, ExportError> {
    let servers = servers(plan)?;
    let mut files = vec![
        ExportedFile::new("README.md", readme(plan, &servers)),
        ExportedFile::script("serve.sh", serve_script(&servers)),
    ];
    for server in &servers {
        let lines = server.environment().into_iter().map(|(name, value)| format!("{name}={value}"));
        let text = format!("# {}\n{}\n", server.agents(), lines.collect::<Vec<_>>().join("\n"));
        files.push(ExportedFile::new(format!("ollama-{}.env", server.name), text));
    }
    files.extend(models(&servers)?);
    Ok(files)
}

/// One Modelfile per agent, and the script that creates the models.
pub(super) fn models(servers: &[Server<'_>]) -> Result<Vec<ExportedFile>, ExportError> {
    let opening =
        "#!/bin/sh\n# Creates the models of the agents, once, on running servers.\nset -eu\n";
    let mut script = vec![format!("{opening}cd \"$(dirname \"$0\")\"\n")];
    let mut files = Vec::new();
    for server in servers {
        let loaded = server.loaded();
        for (agent, engine) in &server.agents {
            let context = loaded.get(agent.model.as_str()).map_or(agent.context, |(_, most)| *most);
            let name = format!("{}.Modelfile", agent.name);
            script.push(format!(
                "OLLAMA_HOST=127.0.0.1:{} ollama create {} -f {name}\n",
                server.port, agent.name
            ));
            files.push(ExportedFile::new(name, modelfile::text(agent, engine, context)?));
        }
    }
    files.insert(0, ExportedFile::script("create.sh", script.concat()));
    Ok(files)
}

fn serve_script(servers: &[Server<'_>]) -> String {
    let starts = servers.iter().map(|server| {
        format!(
            "(set -a; . ./ollama-{}.env; exec ollama serve) &\npids=\"$pids $!\"\n",
            server.name
        )
    });
    format!(
        "#!/bin/sh\n# Starts all servers; Ctrl-C stops them.\nset -eu\ncd \"$(dirname \"$0\")\"\n\
         pids=\ntrap 'kill $pids' INT TERM EXIT\n{}wait\n",
        starts.collect::<String>()
    )
}

/// Instructions for the files.
pub(super) fn readme(plan: &Plan, servers: &[Server<'_>]) -> String {
    let why = match plan.sharing {
        Sharing::Shared => {
            "`OLLAMA_NUM_PARALLEL` applies to every model of a server. Agents with different slots \
             therefore need a server for each number of slots:"
        }
        Sharing::Isolated => {
            "`OLLAMA_NUM_PARALLEL` applies to every model of a server, and agents on one base model \
             share its slots. Isolated agents therefore need one server each:"
        }
    };
    let mut lines =
        vec![format!("# Stack {} on Ollama", plan.stack), String::new(), why.to_owned()];
    lines.push(String::new());
    for server in servers {
        lines.push(format!(
            "- http://127.0.0.1:{}: OLLAMA_NUM_PARALLEL={}, for {}",
            server.port,
            server.slots,
            server.agents()
        ));
    }
    lines.push(String::new());
    lines.push("Differences from the plan:".to_owned());
    lines.push(String::new());
    lines.push(
        "- Agents on one base model and one server share its slots and the longest of their \
         contexts."
            .to_owned(),
    );
    if let Some(memory) = servers.iter().map(Server::memory).sum::<Option<Bytes>>() {
        let (planned, budget) = (plan.total_bytes, plan.hardware.memory_budget_bytes);
        let verdict = if memory > budget { ", more than the budget: use fewer agents" } else { "" };
        lines.push(format!(
            "- Each server loads its own weights and reserves all slots: {memory} of weights and KV \
             cache; the plan requires {planned} in total and the budget is {budget}{verdict}."
        ));
    }
    let in_flight = plan.max_in_flight;
    lines.push(format!("- `max_in_flight` ({in_flight}) over all servers is not enforced."));
    lines.push(
        "- Thinking is set in each request (`\"think\": false`), not in a Modelfile.".to_owned(),
    );
    if let Some(skipped) = skipped(plan) {
        lines.extend([String::new(), skipped]);
    }
    lines.join("\n") + "\n"
}
