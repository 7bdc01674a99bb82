//! The comment with the rest of an agent, in a Modelfile that this program emitted:
//! `# harmonic: {"tier":2,"context":8192,…}`. Ollama skips comments.

use harmonic_types::{Tier, Tokens};
use serde::Deserialize;

use crate::agent_draft::AgentDraft;

/// Start of the comment, after its `#`.
const START: &str = " harmonic: ";

/// What Ollama does not know of an agent. `num_ctx` is the context of the Modelfile, which is that of
/// the plan for all agents on one base model.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AgentComment {
    tier: Tier,
    num_ctx: Tokens,
    context: Tokens,
    min_context: Option<Tokens>,
    role: String,
    thinking: bool,
}

/// The comment `text`, if it is one of an agent.
///
/// # Errors
/// What was expected, where it has the start of such a comment and not its content.
pub(super) fn parse(text: &str) -> Result<Option<AgentComment>, &'static str> {
    let Some(text) = text.strip_prefix(START) else { return Ok(None) };
    let comment: Option<AgentComment> = serde_json::from_str(text).ok();
    let comment = comment.filter(|comment| {
        let AgentComment { context, min_context, .. } = comment;
        context.0 > 0 && min_context.is_none_or(|least| least.0 > 0 && least <= *context)
    });
    comment.map(Some).ok_or("expected the comment as `harmonic plan --emit ollama` writes it")
}

impl AgentComment {
    /// Completes `draft`, whose context is that of the Modelfile.
    pub(super) fn apply(self, draft: &mut AgentDraft) {
        let Self { tier, num_ctx, context, min_context, role, thinking } = self;
        // Otherwise somebody has changed the Modelfile since.
        if draft.context == Some(num_ctx) {
            draft.context = Some(context);
        }
        draft.min_context = min_context;
        draft.tier = Some(tier);
        draft.role = Some(role);
        draft.thinking = Some(thinking);
    }
}
