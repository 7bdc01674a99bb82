//! Sampling parameters.

use serde::{Deserialize, Serialize};

/// Sampling parameters of an agent. The chain is: a request's logit bias, penalties, top-k, top-p,
/// min-p, temperature, draw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sampling {
    /// 0 selects the most likely token; larger values flatten the distribution.
    pub temperature: f32,
    /// Number of most likely tokens considered; 0 is all.
    pub top_k: u32,
    /// Probability mass of the most likely tokens considered; 1 is all.
    pub top_p: f32,
    /// Least probability considered, relative to the most likely token; 0 is all.
    pub min_p: f32,
    /// Divisor (for negative logits the factor) of recent tokens' logits; 1 is off.
    pub repeat_penalty: f32,
    /// Subtracted from the logit of each recent token, once; 0 is off.
    pub presence_penalty: f32,
    /// Subtracted from the logit of a recent token, per occurrence; 0 is off.
    pub frequency_penalty: f32,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.7,
            top_k: 40,
            top_p: 0.95,
            min_p: 0.0,
            repeat_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
        }
    }
}

/// Overrides of an agent's [`Sampling`] by a request; `None` keeps the agent's value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SamplingOverrides {
    /// See [`Sampling::temperature`].
    pub temperature: Option<f32>,
    /// See [`Sampling::top_k`].
    pub top_k: Option<u32>,
    /// See [`Sampling::top_p`].
    pub top_p: Option<f32>,
    /// See [`Sampling::min_p`].
    pub min_p: Option<f32>,
    /// See [`Sampling::repeat_penalty`].
    pub repeat_penalty: Option<f32>,
    /// See [`Sampling::presence_penalty`].
    pub presence_penalty: Option<f32>,
    /// See [`Sampling::frequency_penalty`].
    pub frequency_penalty: Option<f32>,
}

impl SamplingOverrides {
    /// The agent's sampling with these overrides applied.
    pub fn over(&self, base: &Sampling) -> Sampling {
        Sampling {
            temperature: self.temperature.unwrap_or(base.temperature),
            top_k: self.top_k.unwrap_or(base.top_k),
            top_p: self.top_p.unwrap_or(base.top_p),
            min_p: self.min_p.unwrap_or(base.min_p),
            repeat_penalty: self.repeat_penalty.unwrap_or(base.repeat_penalty),
            presence_penalty: self.presence_penalty.unwrap_or(base.presence_penalty),
            frequency_penalty: self.frequency_penalty.unwrap_or(base.frequency_penalty),
        }
    }
}
