//! The Modelfile of an agent.

use harmonic_programs::ollama::Parameters;
use harmonic_types::{AgentPlan, AgentSpec, EnginePlan, Tokens};
use serde_json::json;

use crate::error::ExportError;

/// Delimiter of a prompt in a Modelfile; it cannot be escaped.
const QUOTES: &str = "\"\"\"";

/// The Modelfile of `agent`, with the `context` shared by the agents on its base model.
///
/// # Errors
/// If its base model has neither a name of Ollama's library nor a local file, its prompt cannot be
/// quoted, or its sampling is not one of Ollama.
pub(super) fn text(
    agent: &AgentPlan,
    engine: &EnginePlan,
    context: Tokens,
) -> Result<String, ExportError> {
    let parameters = Parameters::of_agent(context, &agent.spec.sampling)?;
    let lines = parameters.iter().map(|(name, value)| format!("PARAMETER {name} {value}\n"));
    let parameters: String = lines.collect();
    let system = &agent.spec.system;
    if system.contains(QUOTES) || system.ends_with('"') {
        return Err(ExportError::Prompt { agent: agent.name.clone() });
    }
    let from = base(engine)?;
    let comment = agent_comment(&agent.spec, context);
    Ok(format!("FROM {from}\n{parameters}SYSTEM {QUOTES}{system}{QUOTES}\n# harmonic: {comment}\n"))
}

/// What Ollama does not know of an agent, in one line, for `harmonic import modelfile`.
fn agent_comment(agent: &AgentSpec, context: Tokens) -> serde_json::Value {
    json!({
        "tier": agent.tier,
        "num_ctx": context,
        "context": agent.context,
        "min_context": agent.min_context,
        "role": agent.role,
        "thinking": agent.thinking,
    })
}

/// The model file of the plan, or the model name, which Ollama pulls.
fn base(engine: &EnginePlan) -> Result<String, ExportError> {
    if let Some(path) = engine.model_path() {
        let path = path.display().to_string();
        if path.contains('\n') {
            return Err(ExportError::ModelPath { path });
        }
        return Ok(path);
    }
    let name = engine.model.as_str();
    let is_library_name = !name.contains(['/', ' ']) && !name.starts_with("wheel:");
    if is_library_name {
        return Ok(name.to_owned());
    }
    Err(ExportError::NotInLibrary { model: name.to_owned() })
}
