//! Budget for the preparation of one prompt.

use std::sync::Arc;

use harmonic_types::{AgentName, LargerContext, LargerContexts, Rejection, Tokens};

use crate::workers::CancelFlag;

/// Budget for the preparation of one prompt. Unlimited by default.
#[derive(Clone, Debug, Default)]
pub struct Budget {
    /// Number of tokens at which a prompt is rejected; `None` for no limit.
    pub tokens: Option<Tokens>,
    /// Commands that hold larger contexts, if planned; the rejection names one.
    pub larger: Option<Arc<LargerContexts>>,
    /// Cancellation of the request.
    pub cancelled: CancelFlag,
}

impl Budget {
    /// Checks whether to continue with a prompt to `agent` of at least `least` tokens.
    ///
    /// # Errors
    /// [`Rejection::PromptBeyond`] if it cannot fit; [`Rejection::Draining`], which is discarded,
    /// if cancelled.
    pub(super) fn go_on(&self, agent: &AgentName, least: u64) -> Result<(), Rejection> {
        if self.cancelled.is_set() {
            return Err(Rejection::Draining);
        }
        match self.tokens {
            Some(context) if least >= u64::from(context.0) => {
                let least = Tokens(u32::try_from(least).unwrap_or(u32::MAX));
                let larger =
                    Box::new(LargerContext::of(agent, least, context, self.larger.as_deref()));
                Err(Rejection::PromptBeyond { agent: agent.clone(), least, context, larger })
            }
            _ => Ok(()),
        }
    }
}
