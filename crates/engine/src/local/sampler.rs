//! From a request to its sampler: settings, bias, seed, and the form that the answer must have.

use std::collections::BTreeMap;

use harmonic_sched::Token;
use harmonic_types::{AgentSpec, Format, Refused, Request};

use super::Shared;
use crate::constraint::{Constraint, Grammars};
use crate::sampling::Sampler;

impl Shared {
    /// The sampler of `request` to `agent`. `reasoning_open`: its prompt ends inside reasoning.
    ///
    /// # Errors
    /// [`Refused::Invalid`] for a token that the model does not have, and a form that cannot be
    /// kept.
    pub(super) fn sampler(
        &self,
        request: &Request,
        agent: &AgentSpec,
        reasoning_open: bool,
    ) -> Result<Sampler, Refused> {
        let seed = request.seed.unwrap_or_else(|| fastrand::u64(..));
        let mut sampler = Sampler::new(request.sampling.over(&agent.sampling), seed)
            .biased(self.bias(&request.logit_bias)?)
            .with_logprobs(request.top_logprobs);
        if request.ignore_eos {
            sampler = sampler.banning(self.chat.vocabulary().turn_ends().into());
        }
        if let Some(format) = &request.format {
            refuse_contradictions(request, reasoning_open)?;
            sampler = sampler.held_to(self.constraint(format)?);
        }
        Ok(sampler)
    }

    fn bias(&self, bias: &BTreeMap<u32, f32>) -> Result<BTreeMap<Token, f32>, Refused> {
        let size = self.chat.vocabulary().size();
        let known = |(id, bias): (&u32, &f32)| match i32::try_from(*id) {
            Ok(token) if *id < size => Ok((Token(token), *bias)),
            _ => Err(invalid(format!(
                "the logit bias names token {id}, but the tokens of {} are 0 to {}",
                self.config.model,
                size.saturating_sub(1)
            ))),
        };
        bias.iter().map(known).collect()
    }

    fn constraint(&self, format: &Format) -> Result<Constraint, Refused> {
        let vocabulary = self.chat.vocabulary();
        self.grammars
            .get_or_init(|| Grammars::new(&self.config.model, vocabulary.as_ref()))
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|grammars| grammars.compile(format))
            .map_err(|error| invalid(error.to_string()))
    }
}

fn refuse_contradictions(request: &Request, reasoning_open: bool) -> Result<(), Refused> {
    if request.ignore_eos {
        let message = "an answer in a given form ends where the form does: leave out `ignore_eos`";
        return Err(invalid(message.to_owned()));
    }
    if request.thinking == Some(true) || reasoning_open {
        let message = "an answer in a given form cannot begin with reasoning: ask without \
                       thinking, or without a form";
        return Err(invalid(message.to_owned()));
    }
    Ok(())
}

fn invalid(message: String) -> Refused {
    Refused::Invalid { message }
}
