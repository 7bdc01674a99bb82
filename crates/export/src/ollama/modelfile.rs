//! The Modelfile of an agent.

use harmonic_types::{AgentPlan, EnginePlan, Tokens};

use crate::error::ExportError;

/// Delimiter of a prompt in a Modelfile; it cannot be escaped.
const QUOTES: &str = "\"\"\"";

/// The Modelfile of `agent`, with the `context` shared by the agents on its base model.
///
/// # Errors
/// If its base model has neither a name of Ollama's library nor a local file, or its prompt cannot
/// be quoted.
pub(super) fn text(
    agent: &AgentPlan,
    engine: &EnginePlan,
    context: Tokens,
) -> Result<String, ExportError> {
    let sampling = &agent.spec.sampling;
    let parameters = [
        ("num_ctx", context.to_string()),
        ("temperature", sampling.temperature.to_string()),
        ("top_k", sampling.top_k.to_string()),
        ("top_p", sampling.top_p.to_string()),
        ("min_p", sampling.min_p.to_string()),
        ("repeat_penalty", sampling.repeat_penalty.to_string()),
        ("presence_penalty", sampling.presence_penalty.to_string()),
        ("frequency_penalty", sampling.frequency_penalty.to_string()),
    ];
    let parameters = parameters.map(|(name, value)| format!("PARAMETER {name} {value}\n")).concat();
    let system = &agent.spec.system;
    if system.contains(QUOTES) || system.ends_with('"') {
        return Err(ExportError::Prompt { agent: agent.name.clone() });
    }
    let from = base(engine)?;
    Ok(format!("FROM {from}\n{parameters}SYSTEM {QUOTES}{system}{QUOTES}\n"))
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
