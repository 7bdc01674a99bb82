//! An agent as Ollama's Modelfile.

use harmonic_types::{AgentPlan, EnginePlan, Tokens};

use crate::failure::Failure;

/// What ends a prompt in a Modelfile; there is no way to write it inside of one.
const QUOTES: &str = "\"\"\"";

/// The Modelfile of `agent`, which shares `context` with the others on its base model.
///
/// # Errors
/// When its base model is no name that Ollama's library could know and no file that is here, or its
/// prompt cannot be quoted.
pub(super) fn text(
    agent: &AgentPlan,
    engine: &EnginePlan,
    context: Tokens,
) -> Result<String, Failure> {
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
        return Err(Failure::new(
            format!("the prompt of {} has quotes that a Modelfile cannot hold", agent.name),
            "write it without three quotes in a row and without a quote at its end",
        ));
    }
    let from = base(engine)?;
    Ok(format!("FROM {from}\n{parameters}SYSTEM {QUOTES}{system}{QUOTES}\n"))
}

/// The file that the plan was made with, where it is here; else the name, which Ollama pulls.
fn base(engine: &EnginePlan) -> Result<String, Failure> {
    if let Some(path) = &engine.local().path {
        let path = path.display().to_string();
        if path.contains('\n') {
            return Err(Failure::new(
                format!("a Modelfile cannot name the file {path:?}"),
                "give it a name without line breaks",
            ));
        }
        return Ok(path);
    }
    let name = engine.model.as_str();
    let is_library_name = !name.contains(['/', ' ']) && !name.starts_with("wheel:");
    if is_library_name {
        return Ok(name.to_owned());
    }
    Err(Failure::new(
        format!("the model {name} is not here, and Ollama's library does not know that name"),
        format!("`harmonic models pull {name}` fetches it"),
    ))
}
