//! What the target's usage says over a whole run.
//!
//! Owns: means over all finished requests, and the warnings that follow from them.
//!
//! Invariants: a worker's first request of a level, which is cut short, has no part in the mean
//! length of answers; cached tokens are judged only where the target reports them.
//!
//! Does not do: anything by level.

use crate::config::BenchConfig;
use crate::measured::Measured;
use crate::warning::Warning;

/// Sums of tokens over the requests of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    requests: u64,
    prompt: u64,
    whole: u64,
    completion: u64,
    reporting: u64,
    cached: u64,
    reporting_prompt: u64,
}

impl Tally {
    /// Takes in the requests of a level.
    pub fn add(&mut self, measured: &Measured) {
        for done in measured.done() {
            let counted = done.counted;
            self.requests += 1;
            self.prompt += u64::from(counted.prompt);
            if !done.opening {
                self.whole += 1;
                self.completion += u64::from(counted.completion);
            }
            if let Some(cached) = counted.cached {
                self.reporting += 1;
                self.cached += u64::from(cached);
                self.reporting_prompt += u64::from(counted.prompt);
            }
        }
    }

    /// Prompt tokens of a request, mean.
    pub fn mean_prompt(&self) -> Option<f64> {
        mean(self.prompt, self.requests)
    }

    /// What the sums give away, with prompts of `words` words.
    ///
    /// Each word of a prompt is at least one token and no two prompts begin alike, so a cache can
    /// rightly hold at most (prompt tokens − prompt words): the template and the system prompt.
    /// More than that by half of the words is a hit on the prompt itself; the half leaves room for
    /// a tokeniser that puts a word's end and the template's first piece into one token.
    pub fn warnings(&self, config: &BenchConfig, words: u32) -> Vec<Warning> {
        let mut warnings = Vec::new();
        let asked = config.output_tokens;
        // Two in a hundred: a server may count the end-of-turn token or not.
        let near = |mean: f64| (mean - f64::from(asked)).abs() <= 0.02 * f64::from(asked) + 1.0;
        let length = mean(self.completion, self.whole).filter(|_| config.ignore_eos);
        if let Some(mean) = length.filter(|mean| !near(*mean)) {
            warnings.push(Warning::AnswerLength { mean, asked });
        }
        if let (Some(cached), Some(prompt)) =
            (mean(self.cached, self.reporting), mean(self.reporting_prompt, self.reporting))
            && config.unique_prompts
            && cached > prompt - f64::from(words) / 2.0
        {
            warnings.push(Warning::PrefixCacheHits { cached, prompt });
        }
        warnings
    }
}

fn mean(sum: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| sum as f64 / of as f64)
}
