//! What a request asks for that the engine of its agent cannot do: refused before it is queued, by
//! the name of the field that asks.
//!
//! Does not do: what an engine can do and does not now (a full queue, a drain); what no engine can
//! do, which the dialects refuse.

use harmonic_api::FeatureFields;
use harmonic_engine::Capabilities;
use harmonic_types::{Format, Request, ToolChoice};

use crate::api_error::ApiError;
use crate::model_registry::RegisteredAgent;

/// Refuses `request` where the engine of `agent`, which can do what `able` says, lacks what one of
/// `fields` asks for.
pub(crate) fn check(
    agent: &RegisteredAgent,
    able: &Capabilities,
    request: &Request,
    fields: &FeatureFields,
) -> Result<(), ApiError> {
    let lacks = |field: &str, what| {
        let (field, agent, model) = (field.to_owned(), agent.name.clone(), agent.model.clone());
        Err(ApiError::Lacking { field, agent, model, what })
    };
    if request.top_logprobs.is_some() && !able.logprobs {
        return lacks(fields.logprobs, "tells no log-probabilities");
    }
    if let Some(format) = request.format.as_ref().filter(|format| !able.forms.holds(format)) {
        let what = match format {
            Format::JsonObject => "does not hold answers to JSON",
            Format::JsonSchema(_) => "does not hold answers to a JSON Schema",
            Format::Grammar(_) => "does not hold answers to a grammar",
            Format::Regex(_) => "does not hold answers to a regular expression",
        };
        return lacks(fields.format, what);
    }
    let offers_tools =
        !request.prompt.tools().is_empty() && request.tool_choice != ToolChoice::None;
    if offers_tools && !able.tools {
        return lacks(fields.tools, "does not call tools");
    }
    if let Some(place) = fields.image.as_deref().filter(|_| !able.vision) {
        return lacks(place, "reads no images");
    }
    if let Some(place) = fields.audio.as_deref().filter(|_| !able.audio) {
        return lacks(place, "reads no recordings");
    }
    if request.ignore_eos && !able.ignore_eos {
        return lacks(fields.ignore_eos, "does not go on past the end of a turn");
    }
    Ok(())
}

/// Refuses to count the tokens of `request` where the engine of `agent` could only estimate them, or
/// could not take the prompt.
pub(crate) fn check_count(
    agent: &RegisteredAgent,
    request: &Request,
    fields: &FeatureFields,
) -> Result<(), ApiError> {
    let able = agent.engine.capabilities();
    if !able.exact_counts {
        let (agent, model) = (agent.name.clone(), agent.model.clone());
        return Err(ApiError::NoCounts { agent, model });
    }
    check(agent, &able, request, fields)
}
