//! The agents of an engine as models in the store of its Ollama.

use std::path::Path;

use harmonic_programs::ProgramError;
use harmonic_programs::ollama::{OllamaModel, Parameters, register, store};
use harmonic_types::{AgentPlan, EnginePlan, EngineProgram, ModelShape, ProcessSpec};

/// Registers `agents` of `engine` in the store below `folder`, each under its name.
pub(super) fn register_agents<'a>(
    agents: impl Iterator<Item = &'a AgentPlan>,
    engine: &EnginePlan,
    process: &ProcessSpec,
    shape: &ModelShape,
    folder: &Path,
) -> Result<(), ProgramError> {
    let no_file = || ProgramError::NoModelFile {
        program: EngineProgram::Ollama,
        model: engine.model.clone(),
    };
    let gguf = process.path.clone().ok_or_else(no_file)?;
    let digest = engine.digest.clone().ok_or_else(no_file)?;
    let models = agents.map(|agent| {
        Ok(OllamaModel {
            name: agent.name.0.clone(),
            gguf: gguf.clone(),
            digest: digest.clone(),
            family: shape.architecture.clone(),
            format: shape.format.clone(),
            template: None,
            system: agent.spec.system.clone(),
            parameters: Parameters::of_agent(process.context, &agent.spec.sampling)?,
            context: process.context,
        })
    });
    let models = models.collect::<Result<Vec<_>, ProgramError>>()?;
    register(&store(folder), &models)
}
