//! Conversion between text and tokens, in both directions; no other module does it.
//!
//! Owns: the model's chat template, each agent's system prompt and shared prefix, and the decoding
//! of answers (UTF-8, stop strings, reasoning, tool calls).
//!
//! Invariants: the agent's system prompt, if it has one, comes first; text is emitted in whole characters; a
//! stop string is never part of the answer; client text never becomes a control token, except in
//! raw prompts.
//!
//! Does not do: sampling, or anything with the KV cache.

mod bounds;
mod budget;
mod call_tracker;
mod calls;
mod decoder;
mod markers;
mod reasoning;
mod reasoning_tracker;
mod stop;
mod taint;
mod template;
mod thinking_support;
mod token_bound;
mod tokenizer;
mod tool_prompt;
mod vocabulary;

use std::borrow::Cow;
use std::sync::Arc;

use harmonic_batching::Token;
use harmonic_types::{AgentSpec, Message, Prompt, Rejection, Role, Thinking, Tool, ToolChoice};

pub(crate) use bounds::Bounds;
pub use budget::Budget;
pub(crate) use call_tracker::CallStep;
pub use call_tracker::CallTracker;
pub use calls::AnswerDelta;
use calls::CallParser;
pub use decoder::{Decoded, Decoder};
pub use markers::GrammarFragment;
use markers::Markers;
use reasoning::{ReasoningSplitter, ReasoningStyle};
pub(crate) use reasoning_tracker::ReasoningStep;
pub use reasoning_tracker::ReasoningTracker;
use serde::de::IgnoredAny;
use taint::TaintMarks;
pub use template::TemplateError;
use template::{Template, TemplateContext};
pub use thinking_support::ThinkingSupport;
pub use token_bound::TokenBound;
use tokenizer::Tokenizer;
pub use vocabulary::{Ends, Special, Vocabulary};

use crate::workers::JobCancelled;

/// Chat format of a model.
pub struct Chat {
    vocabulary: Arc<dyn Vocabulary>,
    tokenizer: Tokenizer,
    /// Marks of client text.
    marks: TaintMarks,
    template: Template,
    /// Control tokens that delimit reasoning.
    reasoning_markers: Markers,
    /// Control tokens that delimit reasoning or tool calls.
    call_markers: Markers,
    /// Bounds of texts; those of conversations depend on the agent.
    bounds: Bounds,
    /// Reasoning syntax, if the model reasons.
    reasoning: Option<&'static ReasoningStyle>,
}

/// A tokenised prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Tokens of the prompt.
    pub tokens: Vec<Token>,
    /// Whether the prompt ends inside the reasoning, opened by the template.
    pub reasoning_open: bool,
}

impl std::fmt::Debug for Chat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chat").field("template", &self.template).finish_non_exhaustive()
    }
}

impl Chat {
    /// Chat format of the model with `vocabulary`. A model without a template (a base model) gets
    /// the plain text of the messages.
    ///
    /// # Errors
    /// [`TemplateError`] if the template is invalid, or fails or exceeds its budget on a plain
    /// question.
    pub fn new(vocabulary: Arc<dyn Vocabulary>) -> Result<Self, TemplateError> {
        let specials = vocabulary.specials();
        let marks = TaintMarks::of(&specials);
        let tokenizer = Tokenizer::new(Arc::clone(&vocabulary), specials)
            .map_err(|error| TemplateError::of_vocabulary(&error))?;
        let template = Template::new(vocabulary.as_ref())?;
        let reasoning = ReasoningStyle::of(template.source());
        let around = reasoning.map_or(&[][..], |style| style.markers);
        let reasoning_markers = Markers::of(vocabulary.as_ref(), around.iter().copied());
        let around = around.iter().chain(template.syntax().markers());
        let call_markers = Markers::of(vocabulary.as_ref(), around.copied());
        let bounds = Bounds::of_vocabulary(vocabulary.token_bound());
        Ok(Self {
            vocabulary,
            tokenizer,
            marks,
            template,
            reasoning_markers,
            call_markers,
            bounds,
            reasoning,
        })
    }

    /// Vocabulary of the model.
    pub fn vocabulary(&self) -> &Arc<dyn Vocabulary> {
        &self.vocabulary
    }

    /// Renders and tokenises `prompt` for `agent`, up to the start of the answer. System messages
    /// of the client are appended to the agent's own, as most templates allow only one. Tools that
    /// may not be called are left out. Ends early if cancelled.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] if the template rejects the conversation or the parameters of a tool
    /// are not JSON; [`Rejection::PromptBeyond`] before tokenisation if the text cannot fit;
    /// [`Rejection::Draining`], which is discarded, if cancelled.
    pub fn render(
        &self,
        agent: &AgentSpec,
        prompt: &Prompt,
        thinking: Option<Thinking>,
        choice: &ToolChoice,
        budget: &Budget,
    ) -> Result<Rendered, Rejection> {
        let cancelled = &budget.cancelled;
        // Discarded with the cancelled request.
        let given_up = |JobCancelled| Rejection::Draining;
        let thinking = thinking.unwrap_or(agent.thinking.into());
        let tools = callable(prompt, choice);
        for tool in tools {
            serde_json::from_str::<IgnoredAny>(&tool.parameters).map_err(|error| {
                let message =
                    format!("invalid parameters of tool `{}`: expected JSON: {error}", tool.name);
                Rejection::Invalid { message }
            })?;
        }
        let messages = match prompt {
            Prompt::Chat { messages, .. } => conversation(agent, messages),
            Prompt::Text(text) => {
                budget.go_on(&agent.name, self.bounds.of_text(text))?;
                // The tokenizer adds the start of text if the model wants one.
                let tokens =
                    self.tokenizer.tokens(&taint::raw(text), cancelled).map_err(given_up)?;
                return Ok(Rendered { tokens, reasoning_open: false });
            }
        };
        let text = self
            .template
            .render(TemplateContext {
                messages: &messages,
                tools,
                thinking,
                cancelled,
                marks: &self.marks,
            })
            .map_err(|error| Rejection::Invalid { message: error.to_string() })?;
        // Marks are not part of the prompt.
        budget.go_on(&agent.name, self.bounds.of_text(&taint::unmarked(&text)))?;
        let reasoning_open = self.reasoning.is_some_and(|style| style.is_open_in(&text));
        let tokens = self.tokenizer.tokens(&text, cancelled).map_err(given_up)?;
        Ok(Rendered { tokens, reasoning_open })
    }

    /// Lower bounds of prompt lengths, learned from probe conversations with `agent`.
    pub(crate) fn bounds(&self, agent: &AgentSpec) -> Bounds {
        self.bounds.clone().with_conversation(self, agent)
    }

    /// Tokens that every prompt of `agent` starts with, found as the common prefix of two different
    /// prompts. Empty if the template fails on them.
    pub fn shared_prefix(&self, agent: &AgentSpec) -> Vec<Token> {
        let probe = |content: &str| {
            let prompt = Prompt::chat(vec![Message::new(Role::User, content)]);
            self.render(agent, &prompt, None, &ToolChoice::Auto, &Budget::default())
                .map(|rendered| rendered.tokens)
                .unwrap_or_default()
        };
        let (one, other) = (probe("alpha"), probe("7"));
        let common = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
        one.into_iter().take(common).collect()
    }

    /// Decoder of one answer, which may call `tools`.
    pub fn decoder(&self, stop: Vec<String>, reasoning_open: bool, tools: &[Tool]) -> Decoder {
        let reasoning = self.reasoning.map(|style| ReasoningSplitter::new(style, reasoning_open));
        let calls = (!tools.is_empty()).then(|| CallParser::new(self.template.syntax(), tools));
        let markers = if calls.is_some() { &self.call_markers } else { &self.reasoning_markers };
        Decoder::new(Arc::clone(&self.vocabulary), markers.clone(), stop, reasoning, calls)
    }

    /// Tracker of the reasoning before an answer to `rendered`; `None` if there is none.
    /// `thinking`: whether reasoning was requested.
    pub fn reasoning_tracker(
        &self,
        prompt: &Prompt,
        rendered: &Rendered,
        thinking: bool,
    ) -> Option<ReasoningTracker> {
        let style = self.reasoning?;
        let (vocabulary, reasoning_markers) =
            (Arc::clone(&self.vocabulary), self.reasoning_markers.clone());
        if rendered.reasoning_open {
            return Some(ReasoningTracker::inside(vocabulary, reasoning_markers, style));
        }
        let may_reason = matches!(prompt, Prompt::Chat { .. })
            && (thinking || !self.template.can_forgo_thinking());
        if may_reason {
            ReasoningTracker::before(vocabulary, reasoning_markers, style)
        } else {
            None
        }
    }

    /// Tracker of an answer up to its first unforced call; `None` if calls cannot be told from
    /// plain text. `reasoning_open`: whether the answer starts inside its reasoning.
    pub fn call_tracker(&self, reasoning_open: bool) -> Option<CallTracker> {
        let (syntax, vocabulary) = (self.template.syntax(), Arc::clone(&self.vocabulary));
        syntax.opener()?;
        Some(CallTracker::new(
            vocabulary,
            self.call_markers.clone(),
            syntax,
            self.reasoning,
            reasoning_open,
        ))
    }

    /// Text after the opener of the first call, between two calls, and after the last.
    pub fn around_calls(&self) -> [Vec<GrammarFragment>; 3] {
        self.template.syntax().around().map(|text| self.call_markers.fragments(text))
    }

    /// Text before and after the arguments of one such call of `name`.
    pub fn one_call(&self, name: &str) -> (Vec<GrammarFragment>, Vec<GrammarFragment>) {
        let (before, after) = self.template.syntax().one(name);
        (self.call_markers.fragments(&before), self.call_markers.fragments(&after))
    }

    /// Text before and after the arguments of an answer that is one call of `name`.
    pub fn call_frame(&self, name: &str) -> (Vec<GrammarFragment>, Vec<GrammarFragment>) {
        let (before, after) = self.template.syntax().frame(name);
        (self.call_markers.fragments(&before), self.call_markers.fragments(&after))
    }
}

/// Tools of `prompt` that the answer may call.
pub(crate) fn callable<'a>(prompt: &'a Prompt, choice: &ToolChoice) -> &'a [Tool] {
    match (prompt, choice) {
        (Prompt::Chat { .. }, ToolChoice::None) | (Prompt::Text(_), _) => &[],
        (Prompt::Chat { tools, .. }, _) => tools,
    }
}

fn conversation(agent: &AgentSpec, messages: &[Message]) -> Vec<Message> {
    let of_client = messages.iter().filter(|m| m.role == Role::System).map(Message::text);
    let system: Vec<Cow<'_, str>> = std::iter::once(agent.system.trim().into())
        .chain(of_client)
        .filter(|part| !part.is_empty())
        .collect();
    let rest = messages.iter().filter(|m| m.role != Role::System).cloned();
    let first = (!system.is_empty()).then(|| Message::new(Role::System, system.join("\n\n")));
    first.into_iter().chain(rest).collect()
}

#[cfg(test)]
mod tests;
