//! Totals of the target's reported usage over a whole run.
//!
//! Owns: means over all completed requests, and the warnings derived from them.
//!
//! Invariants: a worker's first request of a level, which is shortened, does not count towards the
//! mean response length; cached tokens are judged only where the target reports them.
//!
//! Does not do: anything per level.

use crate::config::BenchConfig;
use crate::measurement::Measurement;
use crate::warning::Warning;

/// Token totals over the requests of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct UsageTotals {
    requests: u64,
    prompt: u64,
    whole: u64,
    completion: u64,
    reporting: u64,
    cached: u64,
    reporting_prompt: u64,
}

impl UsageTotals {
    /// Adds the requests of a level.
    pub fn add(&mut self, measurement: &Measurement) {
        for done in measurement.done() {
            let usage = done.usage;
            self.requests += 1;
            self.prompt += u64::from(usage.prompt_tokens);
            if !done.shortened {
                self.whole += 1;
                self.completion += u64::from(usage.completion_tokens);
            }
            if let Some(cached) = usage.cached_tokens {
                self.reporting += 1;
                self.cached += u64::from(cached);
                self.reporting_prompt += u64::from(usage.prompt_tokens);
            }
        }
    }

    /// Mean prompt tokens per request.
    pub fn mean_prompt(&self) -> Option<f64> {
        mean(self.prompt, self.requests)
    }

    /// Warnings derived from the totals, for prompts of `words` words.
    ///
    /// Each word of a prompt is at least one token and no two prompts start alike, so a prefix cache
    /// can supply at most (prompt tokens − prompt words): the template and the system prompt. More
    /// than that by half of the words is a hit on the prompt itself; the margin allows for a
    /// tokeniser that merges the end of a word and the start of the template into one token.
    pub fn warnings(&self, config: &BenchConfig, words: u32) -> Vec<Warning> {
        let mut warnings = Vec::new();
        let requested = config.output_tokens;
        // Within 2%: a server may count the end-of-turn token or not.
        let near =
            |mean: f64| (mean - f64::from(requested)).abs() <= 0.02 * f64::from(requested) + 1.0;
        let length = mean(self.completion, self.whole).filter(|_| config.ignore_eos);
        if let Some(mean) = length.filter(|mean| !near(*mean)) {
            warnings.push(Warning::AnswerLength { mean, requested });
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
