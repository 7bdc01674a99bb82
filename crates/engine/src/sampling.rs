//! How the next token is drawn from the logits.
//!
//! Owns: the sampler of each sequence (its settings, its random generator, the tokens it saw
//! lately) and the chain: penalties, top-k, top-p, min-p, temperature, draw.
//!
//! Invariants: the same seed, settings and logits give the same token; the shortlist gives what the
//! full chain over all logits would give (property-tested); NaN is never chosen.
//!
//! Does not do: grammars, or anything with text.

mod logprobs;
mod shortlist;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use harmonic_sched::Token;
use harmonic_types::{RequestId, Sampling};

pub use logprobs::Logprobs;
use shortlist::{Candidate, best};

/// Tokens that penalties look back on, as in llama.cpp's default (`penalty_last_n`).
const PENALTY_WINDOW: usize = 64;

/// A sampled token.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The token.
    pub token: Token,
    /// Log-probabilities, where they were asked for.
    pub logprobs: Option<Logprobs>,
}

/// The sampler of one sequence.
#[derive(Debug)]
pub struct Sampler {
    settings: Sampling,
    rng: fastrand::Rng,
    recent: VecDeque<Token>,
    /// Never chosen: the ends of turn of a request that ignores them.
    banned: Arc<[Token]>,
    top_logprobs: Option<u8>,
}

impl Sampler {
    /// A sampler that draws with `seed`.
    pub fn new(settings: Sampling, seed: u64) -> Self {
        Self {
            settings,
            rng: fastrand::Rng::with_seed(seed),
            recent: VecDeque::new(),
            banned: Arc::from([]),
            top_logprobs: None,
        }
    }

    /// Never chooses one of `banned`.
    pub fn banning(mut self, banned: Arc<[Token]>) -> Self {
        self.banned = banned;
        self
    }

    /// Reports log-probabilities of the choice and of this many best tokens.
    pub fn with_logprobs(mut self, top: Option<u8>) -> Self {
        self.top_logprobs = top;
        self
    }

    /// Chooses the token that follows; `None` if no logit is a number.
    pub fn choose(&mut self, logits: &[f32]) -> Option<Choice> {
        let token = self.draw(logits)?;
        if self.penalises() {
            if self.recent.len() == PENALTY_WINDOW {
                self.recent.pop_front();
            }
            self.recent.push_back(token);
        }
        let logprobs = self.top_logprobs.map(|top| Logprobs::of(logits, token, top));
        Some(Choice { token, logprobs })
    }

    fn draw(&mut self, logits: &[f32]) -> Option<Token> {
        let mut candidates = self.candidates(logits);
        let settings = &self.settings;
        if settings.temperature <= 0.0 {
            return candidates.first().map(|candidate| candidate.token);
        }
        // Weights relative to the best; the filters see the distribution before temperature, as
        // llama.cpp's chain does.
        let top = candidates.first()?.logit;
        let weight = |candidate: &Candidate| (candidate.logit - top).exp();
        let total: f32 = candidates.iter().map(weight).sum();
        let mut reached = 0.0;
        let mut keep = 0;
        for candidate in &candidates {
            let likely_enough = weight(candidate) >= settings.min_p;
            if keep > 0 && (reached >= settings.top_p * total || !likely_enough) {
                break;
            }
            reached += weight(candidate);
            keep += 1;
        }
        candidates.truncate(keep);
        let heated = |candidate: &Candidate| ((candidate.logit - top) / settings.temperature).exp();
        let mut left = self.rng.f32() * candidates.iter().map(heated).sum::<f32>();
        for candidate in &candidates {
            left -= heated(candidate);
            if left < 0.0 {
                return Some(candidate.token);
            }
        }
        // Rounding can leave a remainder after the last.
        candidates.last().map(|candidate| candidate.token)
    }

    /// The top-k candidates after penalties, best first. Penalties and bans move only tokens that
    /// are known, so it is enough to look that much further down the raw logits.
    fn candidates(&self, logits: &[f32]) -> Vec<Candidate> {
        let k = match (self.settings.temperature <= 0.0, self.settings.top_k) {
            (true, _) => 1,
            (false, 0) => logits.len(),
            (false, k) => k as usize,
        };
        let mut penalised: Vec<Token> =
            if self.penalises() { self.recent.iter().copied().collect() } else { Vec::new() };
        penalised.sort_unstable();
        penalised.dedup();
        let reach = k.saturating_add(penalised.len() + self.banned.len()).min(logits.len());
        let mut candidates = best(logits, reach);
        // A penalty below 1 or 0 is a bonus, which may lift a token from beyond the reach.
        for token in &penalised {
            let listed = candidates.iter().any(|candidate| candidate.token == *token);
            if let (false, Some(candidate)) = (listed, Candidate::of(logits, *token)) {
                candidates.push(candidate);
            }
        }
        candidates.retain(|candidate| !self.banned.contains(&candidate.token));
        for candidate in &mut candidates {
            if penalised.binary_search(&candidate.token).is_ok() {
                candidate.logit = self.penalty(*candidate);
            }
        }
        if !penalised.is_empty() {
            candidates.sort_unstable_by(Candidate::better_first);
        }
        candidates.truncate(k);
        candidates
    }

    fn penalises(&self) -> bool {
        let Sampling { repeat_penalty, presence_penalty, frequency_penalty, .. } = self.settings;
        [repeat_penalty - 1.0, presence_penalty, frequency_penalty].iter().any(|by| *by != 0.0)
    }

    fn penalty(&self, candidate: Candidate) -> f32 {
        let Sampling { repeat_penalty, presence_penalty, frequency_penalty, .. } = self.settings;
        let seen = self.recent.iter().filter(|token| **token == candidate.token).count();
        let logit = candidate.logit;
        let scaled = if logit > 0.0 { logit / repeat_penalty } else { logit * repeat_penalty };
        scaled - presence_penalty - frequency_penalty * seen as f32
    }
}

/// The samplers of a machine, by request: a sequence may be parked and resumed elsewhere.
#[derive(Debug, Default)]
pub struct Samplers(HashMap<RequestId, Sampler>);

impl Samplers {
    /// Gives `request` a sampler.
    pub fn insert(&mut self, request: RequestId, sampler: Sampler) {
        self.0.insert(request, sampler);
    }

    /// Forgets the sampler of `request`.
    pub fn remove(&mut self, request: RequestId) {
        self.0.remove(&request);
    }

    /// Chooses the token that follows for `request`; `None` if no logit is a number or the request
    /// has no sampler.
    pub fn choose(&mut self, request: RequestId, logits: &[f32]) -> Option<Choice> {
        self.0.get_mut(&request)?.choose(logits)
    }

    /// Chooses for several requests, each with its logits, in their order.
    pub fn choose_all(&mut self, rows: &[(RequestId, &[f32])]) -> Option<Vec<Choice>> {
        rows.iter().map(|(request, logits)| self.choose(*request, logits)).collect()
    }
}

#[cfg(test)]
mod tests;
