//! What the preparation of one prompt may cost.

use harmonic_types::{AgentName, Rejection, Tokens};

use crate::workers::CancelFlag;

/// What the preparation of one prompt may cost. `Default` is anything.
#[derive(Clone, Debug, Default)]
pub struct Budget {
    /// A prompt that certainly has as many tokens is given up; `None` for no limit.
    pub tokens: Option<Tokens>,
    /// Whether anybody still waits for it.
    pub cancelled: CancelFlag,
}

impl Budget {
    /// Goes on with a prompt to `agent` that has at least `least` tokens.
    ///
    /// # Errors
    /// [`Rejection::PromptBeyond`] when it cannot fit. [`Rejection::Draining`] when nobody waits for it,
    /// which so nobody reads.
    pub(super) fn go_on(&self, agent: &AgentName, least: u64) -> Result<(), Rejection> {
        if self.cancelled.is_set() {
            return Err(Rejection::Draining);
        }
        match self.tokens {
            Some(context) if least >= u64::from(context.0) => {
                let least = Tokens(u32::try_from(least).unwrap_or(u32::MAX));
                Err(Rejection::PromptBeyond { agent: agent.clone(), least, context })
            }
            _ => Ok(()),
        }
    }
}
