//! From a request to its sampler: settings, bias, seed, and the form that the answer must have.

use std::collections::BTreeMap;

use harmonic_sched::Token;
use harmonic_types::{AgentSpec, Refused, Request, Tool, ToolChoice};

use super::Shared;
use crate::chat::callable;
use crate::constraint::{CallForm, Constraint, FormatError, Grammars};
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
        let must_call = self.must_call(request)?;
        if request.format.is_some() || must_call.is_some() {
            refuse_contradictions(request, reasoning_open)?;
        }
        if let Some(format) = &request.format {
            sampler = sampler.held_to(self.constraint(|grammars| grammars.compile(format))?);
        } else if let Some(forms) = must_call {
            sampler = sampler.held_to(self.constraint(|grammars| grammars.compile_call(&forms))?);
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

    /// The forms of the call that the answer must be; `None` where it need not be one.
    fn must_call<'a>(&self, request: &'a Request) -> Result<Option<Vec<CallForm<'a>>>, Refused> {
        let tools = callable(&request.prompt, &request.tool_choice);
        let called: Vec<&Tool> = match &request.tool_choice {
            ToolChoice::Auto | ToolChoice::None => return Ok(None),
            ToolChoice::Required => tools.iter().collect(),
            ToolChoice::Named(name) => {
                let called = tools.iter().find(|tool| tool.name == *name);
                let known = || tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>();
                vec![called.ok_or_else(|| {
                    let known = known().join(", ");
                    invalid(format!(
                        "the tool that must be called, `{name}`, is not among the request's tools \
                         ({known})"
                    ))
                })?]
            }
        };
        if called.is_empty() {
            let message = "the answer must call a tool, but the request has none: give it `tools`";
            return Err(invalid(message.to_owned()));
        }
        let form = |tool: &'a Tool| {
            let (before, after) = self.chat.call_frame(&tool.name);
            CallForm { tool, before, after }
        };
        Ok(Some(called.into_iter().map(form).collect()))
    }

    fn constraint(
        &self,
        compile: impl FnOnce(&Grammars) -> Result<Constraint, FormatError>,
    ) -> Result<Constraint, Refused> {
        let vocabulary = self.chat.vocabulary();
        self.grammars
            .get_or_init(|| Grammars::new(&self.config.model, vocabulary.as_ref()))
            .as_ref()
            .map_err(Clone::clone)
            .and_then(compile)
            .map_err(|error| invalid(error.to_string()))
    }
}

fn refuse_contradictions(request: &Request, reasoning_open: bool) -> Result<(), Refused> {
    let must_call = matches!(request.tool_choice, ToolChoice::Required | ToolChoice::Named(_));
    if request.format.is_some() && must_call {
        let message = "an answer in a given form cannot be the call of a tool as well: leave out \
                       the form, or let the model choose whether it calls";
        return Err(invalid(message.to_owned()));
    }
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
