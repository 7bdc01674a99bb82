//! Check of a request against the capabilities of its engine, before it is queued; the error names
//! the field.
//!
//! Does not do: temporary refusals (a full queue, a drain); fields that no engine supports, which
//! the dialects refuse.

use harmonic_api::FeatureFields;
use harmonic_engine::Capabilities;
use harmonic_types::{Format, Request, ToolChoice};

use crate::api_error::ApiError;
use crate::model_registry::RegisteredAgent;

/// Refuses `request` where the engine of `agent`, with these `capabilities`, lacks one that the
/// request needs; `fields` are the names of the request's fields.
pub(crate) fn check(
    agent: &RegisteredAgent,
    capabilities: &Capabilities,
    request: &Request,
    fields: &FeatureFields,
) -> Result<(), ApiError> {
    if !capabilities.generation {
        let (agent, model) = (agent.name.clone(), agent.model.clone());
        return Err(ApiError::NoGeneration { agent, model });
    }
    let unsupported = |field: &str, what| {
        let (field, agent, model) = (field.to_owned(), agent.name.clone(), agent.model.clone());
        Err(ApiError::Unsupported { field, agent, model, what })
    };
    if request.top_logprobs.is_some() && !capabilities.logprobs {
        return unsupported(fields.logprobs, "returns no log-probabilities");
    }
    if let Some(format) = request.format.as_ref().filter(|format| !capabilities.forms.holds(format))
    {
        let what = match format {
            Format::JsonObject => "cannot constrain answers to JSON",
            Format::JsonSchema(_) => "cannot constrain answers to a JSON Schema",
            Format::Grammar(_) => "cannot constrain answers to a grammar",
            Format::Regex(_) => "cannot constrain answers to a regular expression",
        };
        return unsupported(fields.format, what);
    }
    let offers_tools =
        !request.prompt.tools().is_empty() && request.tool_choice != ToolChoice::None;
    if offers_tools && !capabilities.tools {
        return unsupported(fields.tools, "cannot call tools");
    }
    if let Some(field) = fields.image.as_deref().filter(|_| !capabilities.vision) {
        return unsupported(field, "cannot read images");
    }
    if let Some(field) = fields.audio.as_deref().filter(|_| !capabilities.audio) {
        return unsupported(field, "cannot read audio");
    }
    if request.ignore_eos && !capabilities.ignore_eos {
        return unsupported(fields.ignore_eos, "cannot continue past the end of a turn");
    }
    Ok(())
}

/// Refuses to count the tokens of `request` where the engine of `agent` can only estimate them, or
/// does not support the prompt.
pub(crate) fn check_count(
    agent: &RegisteredAgent,
    request: &Request,
    fields: &FeatureFields,
) -> Result<(), ApiError> {
    let capabilities = agent.engine.capabilities();
    if capabilities.generation && !capabilities.exact_counts {
        let (agent, model) = (agent.name.clone(), agent.model.clone());
        return Err(ApiError::NoTokenCounts { agent, model });
    }
    check(agent, &capabilities, request, fields)
}

/// Refuses embeddings where the engine of `agent`, one of `agents`, cannot compute them, or not with
/// these `dimensions`.
pub(crate) fn check_embeddings(
    agent: &RegisteredAgent,
    agents: &[RegisteredAgent],
    dimensions: Option<u32>,
) -> Result<(), ApiError> {
    let (name, model) = (agent.name.clone(), agent.model.clone());
    if !agent.engine.capabilities().embeddings {
        let able = agents.iter().filter(|other| other.engine.capabilities().embeddings);
        let able = able.map(|other| other.name.0.as_str()).collect::<Vec<_>>().join(" or ");
        return Err(ApiError::NoEmbeddings { agent: name, model, able });
    }
    let weights = agent.info.weights.as_ref();
    let all = weights.map(|weights| weights.shape.embedding_length);
    match dimensions {
        Some(wanted) if Some(wanted) != all => {
            let shortens = weights.is_some_and(|weights| weights.shortens);
            if shortens && all.is_some_and(|all| wanted < all) {
                return Ok(());
            }
            Err(ApiError::Dimensions { agent: name, model, wanted, all, shortens })
        }
        _ => Ok(()),
    }
}
