//! How the next token is drawn from the logits.
//!
//! Owns: the sampler of each sequence (its settings, its random generator, the tokens it saw
//! lately) and the chain: logit bias, penalties, top-k, top-p, min-p, temperature, draw.
//!
//! Invariants: the same seed, settings and logits give the same token, on one thread or several;
//! the shortlist gives what the full chain over all logits would give (property-tested); what is
//! NaN, −∞ or banned is never chosen.
//!
//! Does not do: grammars (that is `constraint`, which says which tokens are allowed), or anything
//! with text.

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

/// Tokens that penalties look back on, as in llama.cpp's default (`penalty_last_n`).
const PENALTY_WINDOW: usize = 64;

/// A sampled token.
#[derive(Clone, Debug, PartialEq)]
pub struct SampledToken {
    /// The token.
    pub token: Token,
    /// Log-probabilities, where they were asked for.
    pub logprobs: Option<Logprobs>,
    /// Why the answer cannot go on; `token` then means nothing.
    pub failure: Option<Failure>,
}

/// Why an answer cannot go on, for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The form that it must have met a limit.
    Form(String),
    /// The model gives no token a chance that it may choose.
    Model(String),
}

impl SampledToken {
    fn failed(failure: Failure) -> Self {
        Self { token: Token(0), logprobs: None, failure: Some(failure) }
    }
}

/// What became of the logits of one row.
#[derive(Clone, Debug, PartialEq)]
pub enum SampleResult {
    /// The token that follows.
    Token(SampledToken),
    /// Which tokens are allowed is not known yet: the sampler keeps the logits.
    Deferred,
}

/// The sampler of one sequence.
#[derive(Debug)]
pub struct Sampler {
    settings: Sampling,
    rng: fastrand::Rng,
    recent: VecDeque<Token>,
    /// Added to the logits of these tokens.
    bias: BTreeMap<Token, f32>,
    /// Never chosen: the ends of turn of a request that ignores them.
    banned: Arc<[Token]>,
    top_logprobs: Option<u8>,
    /// The form of the answer.
    constraint: Option<Constraint>,
    /// The reasoning that comes before the form.
    reasoning: Option<ReasoningTracker>,
    /// What comes before the call to which the form belongs.
    call_tracker: Option<CallTracker>,
    /// Never chosen at the place where it is.
    excluded: Vec<Token>,
    /// Logits whose token is still to be drawn.
    deferred_logits: Option<Box<[f32]>>,
}

impl Sampler {
    /// A sampler that draws with `seed`.
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

    /// Adds `bias` to the logits of its tokens, before anything else.
    pub fn with_bias(mut self, bias: BTreeMap<Token, f32>) -> Self {
        self.bias = bias;
        self
    }

    /// Never chooses one of `banned`.
    pub fn with_banned(mut self, banned: Arc<[Token]>) -> Self {
        self.banned = banned;
        self
    }

    /// Reports log-probabilities of the choice and of this many best tokens.
    pub fn with_logprobs(mut self, top: Option<u8>) -> Self {
        self.top_logprobs = top;
        self
    }

    /// Chooses only what `constraint` allows.
    pub fn with_constraint(mut self, constraint: Constraint) -> Self {
        self.constraint = Some(constraint);
        self
    }

    /// Lets `reasoning` come before what it is held to.
    pub fn with_reasoning(mut self, reasoning: Option<ReasoningTracker>) -> Self {
        self.reasoning = reasoning;
        self
    }

    /// Leaves the answer free until `call_tracker` tells that it has opened a call.
    pub fn with_call_tracker(mut self, call_tracker: CallTracker) -> Self {
        self.call_tracker = Some(call_tracker);
        self
    }

    /// Whether it is free, because the reasoning is under way.
    fn reasons(&self) -> bool {
        self.reasoning.as_ref().is_some_and(|reasoning| reasoning.opener().is_none())
    }

    /// Chooses the token that follows, unless the form of the answer is not there yet; `wake` is
    /// called when it is. `None` if no logit is a number.
    pub(crate) fn draw(&mut self, logits: &[f32], wake: Option<&Wake>) -> Option<SampleResult> {
        let free = self.reasons() || self.call_tracker.is_some();
        if free || self.constraint.as_mut().is_none_or(|constraint| constraint.is_ready(wake)) {
            return self.choose(logits).map(SampleResult::Token);
        }
        self.deferred_logits = Some(logits.into());
        Some(SampleResult::Deferred)
    }

    /// Chooses the token that was late; `None` if it is still too early.
    pub(crate) fn draw_deferred(&mut self, wake: Option<&Wake>) -> Option<SampledToken> {
        if !self.constraint.as_mut()?.is_ready(wake) {
            return None;
        }
        let logits = self.deferred_logits.take()?;
        self.choose(&logits)
    }

    /// Chooses the token that follows; waits for the form of the answer. `None` if no logit is a
    /// number.
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
            _ if choice.failure.is_none() => constraint.take(choice.token),
            _ => {}
        }
        self.constraint = Some(constraint);
        Some(choice)
    }

    /// Chooses the token that follows before a call: any but one in which a call would begin.
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

    /// Chooses the token that follows inside the reasoning: any that does not end the turn, and none
    /// in which the answer would begin.
    fn choose_reasoning(&mut self, logits: &[f32]) -> Option<SampledToken> {
        let mut reasoning = self.reasoning.take()?;
        let mut excluded = reasoning.turn_ends();
        let token = loop {
            self.excluded.clone_from(&excluded);
            let drawn = self.draw_among(logits, None);
            self.excluded.clear();
            match drawn {
                Some(token) if reasoning.step(token) == ReasoningStep::Straddles => {
                    excluded.push(token)
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

    /// Chooses the token that follows out of `mask`, as if all other logits were −∞.
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

    /// The logits that bias, penalties and bans change, as [`Row`] takes them.
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

    /// `logit` of a token that was seen so many `times` lately.
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
