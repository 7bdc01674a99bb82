//! Construction of a request's sampler: settings, bias, seed, and the form of the answer.

use std::collections::BTreeMap;

use harmonic_batching::Token;
use harmonic_types::{AgentSpec, Rejection, Request, Thinking, Tool, ToolChoice};

use super::Shared;
use crate::chat::{CallTracker, Rendered, callable};
use crate::constraint::{CallForm, Form, FormatError, Series};
use crate::request_registry::ConstraintStart;
use crate::sampling::Sampler;

impl Shared {
    /// Sampler of `request` to `agent`, without a constraint.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] for a bias on a token outside the vocabulary.
    pub(super) fn sampler(
        &self,
        request: &Request,
        agent: &AgentSpec,
    ) -> Result<Sampler, Rejection> {
        let seed = request.seed.unwrap_or_else(|| fastrand::u64(..));
        let sampler = Sampler::new(request.sampling.over(&agent.sampling), seed)
            .with_bias(self.bias(&request.logit_bias)?)
            .with_logprobs(request.top_logprobs);
        Ok(if request.ignore_eos {
            sampler.with_banned(self.chat.vocabulary().turn_ends().into())
        } else {
            sampler
        })
    }

    /// Form of the answer to `request`, measured but not compiled, and where it starts after the
    /// `rendered` prompt: that of a forced call, else the requested format, else that of strict
    /// tool calls.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] for a form that exceeds a limit or cannot be enforced.
    pub(super) fn form(
        &self,
        request: &Request,
        rendered: &Rendered,
    ) -> Result<Option<(Form, ConstraintStart)>, Rejection> {
        let reasoning = || {
            let told = matches!(super::thinking(request), Some(Thinking::On(_)));
            ConstraintStart::AfterReasoning(self.chat.reasoning_tracker(
                &request.prompt,
                rendered,
                told,
            ))
        };
        let (form, start) = match (self.must_call(request)?, &request.format) {
            (Some(calls), _) => (Form::of_call(&calls), reasoning()),
            (None, Some(format)) => (Form::of(format), reasoning()),
            (None, None) => match self.strict_calls(request, rendered.reasoning_open) {
                Some((form, tracker)) => (form, ConstraintStart::InCall(tracker)),
                None => return Ok(None),
            },
        };
        if request.ignore_eos {
            let message =
                "an answer in a given form ends where the form does: leave out `ignore_eos`";
            return Err(invalid(message.to_owned()));
        }
        let form = form.map_err(|error| invalid(error.to_string()))?;
        Ok(Some((form, start)))
    }

    /// Form of unforced strict calls, starting after the opener of the first; `None` if no tool is
    /// strict, or if calls cannot be told from plain text.
    fn strict_calls(
        &self,
        request: &Request,
        reasoning_open: bool,
    ) -> Option<(Result<Form, FormatError>, CallTracker)> {
        let tools = callable(&request.prompt, &request.tool_choice);
        let strict = |tool: &Tool| request.strict_tools.contains(&tool.name);
        if !tools.iter().any(strict) {
            return None;
        }
        let tracker = self.chat.call_tracker(reasoning_open)?;
        let calls = tools.iter().map(|tool| {
            let (before, after) = self.chat.one_call(&tool.name);
            CallForm { tool, strict: strict(tool), before, after }
        });
        let calls: Vec<CallForm<'_>> = calls.collect();
        let [first, between, last] = self.chat.around_calls();
        let between = request.parallel_tool_calls.then_some(between);
        Some((Form::of_calls(&calls, &Series { first, between, last }), tracker))
    }

    fn bias(&self, bias: &BTreeMap<u32, f32>) -> Result<BTreeMap<Token, f32>, Rejection> {
        let size = self.chat.vocabulary().size();
        let known = |(id, bias): (&u32, &f32)| match i32::try_from(*id) {
            Ok(token) if *id < size => Ok((Token(token), *bias)),
            _ => Err(invalid(format!(
                "the logit bias names token {id}, but the tokens of {} are 0 to {}",
                self.thread.config().model,
                size.saturating_sub(1)
            ))),
        };
        bias.iter().map(known).collect()
    }

    /// Forms of the forced call; `None` if no call is forced.
    fn must_call<'a>(&self, request: &'a Request) -> Result<Option<Vec<CallForm<'a>>>, Rejection> {
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
            CallForm { tool, strict: true, before, after }
        };
        Ok(Some(called.into_iter().map(form).collect()))
    }
}

fn invalid(message: String) -> Rejection {
    Rejection::Invalid { message }
}
