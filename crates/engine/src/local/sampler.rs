//! From a request to its sampler: settings, bias, seed, and the form that the answer must have.

use std::collections::BTreeMap;

use harmonic_sched::Token;
use harmonic_types::{AgentSpec, Refused, Request, Tool, ToolChoice};

use super::Shared;
use crate::chat::callable;
use crate::constraint::{CallForm, Form};
use crate::sampling::Sampler;

impl Shared {
    /// The sampler of `request` to `agent`, free so far.
    ///
    /// # Errors
    /// [`Refused::Invalid`] for a token that the model does not have.
    pub(super) fn sampler(&self, request: &Request, agent: &AgentSpec) -> Result<Sampler, Refused> {
        let seed = request.seed.unwrap_or_else(|| fastrand::u64(..));
        let sampler = Sampler::new(request.sampling.over(&agent.sampling), seed)
            .biased(self.bias(&request.logit_bias)?)
            .with_logprobs(request.top_logprobs);
        Ok(if request.ignore_eos {
            sampler.banning(self.chat.vocabulary().turn_ends().into())
        } else {
            sampler
        })
    }

    /// The form that the answer to `request` is held to, measured and not compiled: that of a call
    /// where one is forced, else the one that was asked for.
    ///
    /// # Errors
    /// [`Refused::Invalid`] for a form that exceeds a limit or cannot be kept.
    pub(super) fn form(&self, request: &Request) -> Result<Option<Form>, Refused> {
        let form = match (self.must_call(request)?, &request.format) {
            (Some(calls), _) => Form::of_call(&calls),
            (None, Some(format)) => Form::of(format),
            (None, None) => return Ok(None),
        };
        if request.ignore_eos {
            let message =
                "an answer in a given form ends where the form does: leave out `ignore_eos`";
            return Err(invalid(message.to_owned()));
        }
        form.map(Some).map_err(|error| invalid(error.to_string()))
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
}

fn invalid(message: String) -> Refused {
    Refused::Invalid { message }
}
