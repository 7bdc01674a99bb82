//! Sampling of the next token from the logits.
//!
//! Owns: the sampler of each request (settings, random generator, recent tokens) and the chain:
//! logit bias, penalties, top-k, top-p, min-p, temperature, draw.
//!
//! Invariants: the same seed, settings and logits give the same token, on one thread or several;
//! the ranking gives the same result as the full chain over all logits (property-tested); NaN, −∞
//! and banned tokens are never chosen.
//!
//! Does not do: grammars (`constraint` provides the mask of allowed tokens), or anything with text.

mod chain;
mod logprobs;
mod mass;
mod ranking;
mod row;
mod samplers;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use harmonic_batching::Token;
use harmonic_types::Sampling;

use crate::chat::{CallStep, CallTracker, ReasoningStep, ReasoningTracker};
use crate::constraint::{Constraint, Mask, Wake};

use chain::draw;
pub use logprobs::Logprobs;
use row::Row;
pub use samplers::Samplers;

/// Number of recent tokens that penalties apply to, llama.cpp's default (`penalty_last_n`).
const PENALTY_WINDOW: usize = 64;

/// A sampled token.
#[derive(Clone, Debug, PartialEq)]
pub struct SampledToken {
    /// The token.
    pub token: Token,
    /// Log-probabilities, if requested.
    pub logprobs: Option<Logprobs>,
    /// Failure of the answer; `token` is then meaningless.
    pub failure: Option<Failure>,
}

/// Reason why an answer cannot continue, for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The constraint exceeded a limit.
    Form(String),
    /// The model assigns no probability to any allowed token.
    Model(String),
}

impl SampledToken {
    fn failed(failure: Failure) -> Self {
        Self { token: Token(0), logprobs: None, failure: Some(failure) }
    }
}

/// Result of sampling from the logits of one row.
#[derive(Clone, Debug, PartialEq)]
pub enum SampleResult {
    /// The sampled token.
    Token(SampledToken),
    /// The mask of allowed tokens is not ready: the sampler keeps the logits.
    Deferred,
}

/// Sampler of one request.
#[derive(Debug)]
pub struct Sampler {
    settings: Sampling,
    rng: fastrand::Rng,
    recent: VecDeque<Token>,
    /// Added to the logits of these tokens.
    bias: BTreeMap<Token, f32>,
    /// Tokens never chosen: the ends of turn of a request that ignores them.
    banned: Arc<[Token]>,
    top_logprobs: Option<u8>,
    /// Constraint of the answer.
    constraint: Option<Constraint>,
    /// Reasoning before the constraint starts.
    reasoning: Option<ReasoningTracker>,
    /// Text before the call at which the constraint starts.
    call_tracker: Option<CallTracker>,
    /// Tokens excluded at the current position.
    excluded: Vec<Token>,
    /// Logits of the deferred token.
    deferred_logits: Option<Box<[f32]>>,
}

impl Sampler {
    /// A sampler with `settings` and a random generator seeded with `seed`.
    pub fn new(settings: Sampling, seed: u64) -> Self {
        Self {
            settings,
            rng: fastrand::Rng::with_seed(seed),
            recent: VecDeque::new(),
            bias: BTreeMap::new(),
            banned: Arc::from([]),
            top_logprobs: None,
            constraint: None,
            reasoning: None,
            call_tracker: None,
            excluded: Vec::new(),
            deferred_logits: None,
        }
    }

    /// Adds `bias` to the logits of its tokens, before all other steps.
    pub fn with_bias(mut self, bias: BTreeMap<Token, f32>) -> Self {
        self.bias = bias;
        self
    }

    /// Excludes the tokens `banned`.
    pub fn with_banned(mut self, banned: Arc<[Token]>) -> Self {
        self.banned = banned;
        self
    }

    /// Reports log-probabilities of the chosen token and of the `top` best tokens.
    pub fn with_logprobs(mut self, top: Option<u8>) -> Self {
        self.top_logprobs = top;
        self
    }

    /// Restricts the choice to tokens that `constraint` allows.
    pub fn with_constraint(mut self, constraint: Constraint) -> Self {
        self.constraint = Some(constraint);
        self
    }

    /// Starts the constraint after `reasoning`.
    pub fn with_reasoning(mut self, reasoning: Option<ReasoningTracker>) -> Self {
        self.reasoning = reasoning;
        self
    }

    /// Starts the constraint once `call_tracker` reports the start of a call.
    pub fn with_call_tracker(mut self, call_tracker: CallTracker) -> Self {
        self.call_tracker = Some(call_tracker);
        self
    }

    /// Whether the reasoning is under way, so that the constraint does not apply yet.
    fn reasons(&self) -> bool {
        self.reasoning.as_ref().is_some_and(|reasoning| reasoning.opener().is_none())
    }

    /// Samples the next token, or defers it until the mask is ready; `wake` is called then. `None`
    /// if no logit is a number.
    pub(crate) fn draw(&mut self, logits: &[f32], wake: Option<&Wake>) -> Option<SampleResult> {
        let free = self.reasons() || self.call_tracker.is_some();
        if free || self.constraint.as_mut().is_none_or(|constraint| constraint.is_ready(wake)) {
            return self.choose(logits).map(SampleResult::Token);
        }
        self.deferred_logits = Some(logits.into());
        Some(SampleResult::Deferred)
    }

    /// Samples the deferred token; `None` if the mask is still not ready.
    pub(crate) fn draw_deferred(&mut self, wake: Option<&Wake>) -> Option<SampledToken> {
        if !self.constraint.as_mut()?.is_ready(wake) {
            return None;
        }
        let logits = self.deferred_logits.take()?;
        self.choose(&logits)
    }

    /// Samples the next token, waiting for the mask. `None` if no logit is a number.
    pub fn choose(&mut self, logits: &[f32]) -> Option<SampledToken> {
        if let Some(call_tracker) = self.call_tracker.take() {
            return self.choose_before_call(logits, &call_tracker);
        }
        if self.constraint.is_some() && self.reasons() {
            return self.choose_reasoning(logits);
        }
        let Some(mut constraint) = self.constraint.take() else {
            return self.choose_among(logits, None);
        };
        // Only the first token may open the reasoning.
        let reasoning = self.reasoning.take();
        let opener = reasoning.as_ref().and_then(ReasoningTracker::opener);
        let chosen = constraint.allowed().map(|mask| {
            let with_opener = opener.map(|opener| mask.with(opener));
            let choice = self.choose_among(logits, Some(with_opener.as_ref().unwrap_or(mask)));
            choice.unwrap_or_else(|| {
                let reason = "the model gives none of the tokens a chance that the form allows";
                SampledToken::failed(Failure::Model(reason.to_owned()))
            })
        });
        let choice = chosen.unwrap_or_else(|reason| SampledToken::failed(Failure::Form(reason)));
        match reasoning {
            Some(mut reasoning) if choice.failure.is_none() && opener == Some(choice.token) => {
                reasoning.advance(choice.token);
                self.reasoning = Some(reasoning);
            }
            _ if choice.failure.is_none() => constraint.advance(choice.token),
            _ => {}
        }
        self.constraint = Some(constraint);
        Some(choice)
    }

    /// Samples the next token before a call: excludes tokens in which a call would start midway.
    fn choose_before_call(
        &mut self,
        logits: &[f32],
        call_tracker: &CallTracker,
    ) -> Option<SampledToken> {
        let mut excluded = Vec::new();
        loop {
            self.excluded.clone_from(&excluded);
            let drawn = self.draw_among(logits, None);
            self.excluded.clear();
            let token = drawn?;
            match call_tracker.step(token) {
                CallStep::Straddles => excluded.push(token),
                CallStep::Opened => return Some(self.chosen(logits, token)),
                CallStep::Continue(next) => {
                    self.call_tracker = Some(next);
                    return Some(self.chosen(logits, token));
                }
            }
        }
    }

    /// Samples the next token inside the reasoning: excludes ends of turn and tokens in which the
    /// answer would start midway.
    fn choose_reasoning(&mut self, logits: &[f32]) -> Option<SampledToken> {
        let mut reasoning = self.reasoning.take()?;
        let mut excluded = reasoning.turn_ends();
        let token = loop {
            self.excluded.clone_from(&excluded);
            let drawn = self.draw_among(logits, None);
            self.excluded.clear();
            match drawn {
                Some(token) if reasoning.step(token) == ReasoningStep::Straddles => {
                    excluded.push(token);
                }
                Some(token) => break token,
                None => {
                    let failure = "the model gives nothing but the end a chance while it reasons";
                    return Some(SampledToken::failed(Failure::Model(failure.to_owned())));
                }
            }
        };
        if reasoning.step(token) == ReasoningStep::Continue {
            reasoning.advance(token);
            self.reasoning = Some(reasoning);
        }
        Some(self.chosen(logits, token))
    }

    /// Samples the next token from those in `mask`, as if all other logits were −∞.
    pub(crate) fn choose_among(
        &mut self,
        logits: &[f32],
        mask: Option<&Mask>,
    ) -> Option<SampledToken> {
        let token = self.draw_among(logits, mask)?;
        Some(self.chosen(logits, token))
    }

    fn draw_among(&mut self, logits: &[f32], mask: Option<&Mask>) -> Option<Token> {
        let changes = self.changes(logits);
        let row = Row::new(logits, &changes, mask);
        draw(&self.settings, row, self.rng.f64())
    }

    fn chosen(&mut self, logits: &[f32], token: Token) -> SampledToken {
        if self.penalises() {
            if self.recent.len() == PENALTY_WINDOW {
                self.recent.pop_front();
            }
            self.recent.push_back(token);
        }
        let logprobs = self.top_logprobs.map(|top| Logprobs::of(logits, token, top));
        SampledToken { token, logprobs, failure: None }
    }

    /// Logits changed by bias, penalties and bans, in the form that [`Row`] takes.
    fn changes(&self, logits: &[f32]) -> Vec<(usize, f32)> {
        let mut seen: Vec<Token> =
            if self.penalises() { self.recent.iter().copied().collect() } else { Vec::new() };
        seen.sort_unstable();
        let never = || self.banned.iter().chain(&self.excluded);
        let mut tokens: Vec<Token> =
            self.bias.keys().chain(&seen).chain(never()).copied().collect();
        tokens.sort_unstable();
        tokens.dedup();
        let change = |token: Token| {
            let index = usize::try_from(token.0).ok()?;
            let logit = logits.get(index)? + self.bias.get(&token).unwrap_or(&0.0);
            let up_to = seen.partition_point(|other| *other <= token);
            let times = up_to - seen.partition_point(|other| *other < token);
            let banned = never().any(|never| *never == token);
            Some((index, if banned { f32::NAN } else { self.penalty(logit, times) }))
        };
        tokens.into_iter().filter_map(change).collect()
    }

    fn penalises(&self) -> bool {
        let Sampling { repeat_penalty, presence_penalty, frequency_penalty, .. } = self.settings;
        [repeat_penalty - 1.0, presence_penalty, frequency_penalty].iter().any(|by| *by != 0.0)
    }

    /// Penalised `logit` of a token that occurred `times` times recently.
    fn penalty(&self, logit: f32, times: usize) -> f32 {
        if times == 0 {
            return logit;
        }
        let Sampling { repeat_penalty, presence_penalty, frequency_penalty, .. } = self.settings;
        let scaled = if logit > 0.0 { logit / repeat_penalty } else { logit * repeat_penalty };
        scaled - presence_penalty - frequency_penalty * times as f32
    }
}

#[cfg(test)]
mod tests;
