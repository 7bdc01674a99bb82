//! Time of one engine step, and the roof derived from it.
//!
//! step ≈ max(bytes read ÷ bandwidth, operations ÷ compute) + overhead, where a step reads the
//! weights once for all its sequences and each sequence's KV cache once, and computes 2 operations
//! per active parameter and token (Yuan et al., "LLM Inference Unveiled", arXiv 2402.16363).
//!
//! Does not do: fit its parameters to measurements, or hold the figures of any machine.

use std::time::Duration;

use harmonic_types::{Bytes, BytesPerSecond, FlopsPerSecond, ModelShape, Tokens, TokensPerSecond};

use crate::kv::KvCost;

/// Machine parameters of the step-time model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MachineModel {
    /// Memory bandwidth available to a step.
    pub bandwidth: BytesPerSecond,
    /// Arithmetic throughput available to a step.
    pub compute: FlopsPerSecond,
    /// Part of the step time that depends on neither.
    pub overhead: Duration,
}

/// Bytes and operations of a model's weights per step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightCost {
    /// Bytes of the weights read by every step.
    pub shared: Bytes,
    /// Bytes of all experts together; zero for a dense model.
    pub experts: Bytes,
    /// Fraction of the experts used by one token, k ÷ E; `None` for a dense model.
    pub expert_fraction: Option<f64>,
    /// Parameters used by one token.
    pub parameters_active: u64,
}

impl WeightCost {
    /// Cost of `shape`.
    ///
    /// The header states all parameters (P) and the active ones (A). With A = S + X·k/E and
    /// P = S + X, the experts hold X = (P − A) ÷ (1 − k/E); bytes are assumed proportional to
    /// parameters.
    pub fn of(shape: &ModelShape) -> Self {
        let dense = Self {
            shared: shape.weights_bytes,
            experts: Bytes::ZERO,
            expert_fraction: None,
            parameters_active: shape.parameters_active,
        };
        let Some((experts, used)) = shape.experts else { return dense };
        if used >= experts || shape.parameters_active >= shape.parameters {
            return dense;
        }
        let fraction = f64::from(used) / f64::from(experts);
        let inactive = (shape.parameters - shape.parameters_active) as f64;
        let in_experts = (inactive / (1.0 - fraction) / shape.parameters as f64).min(1.0);
        let experts = scaled(shape.weights_bytes, in_experts);
        Self {
            shared: shape.weights_bytes.saturating_sub(experts),
            experts,
            expert_fraction: Some(fraction),
            ..dense
        }
    }

    /// Bytes of weights read by a step over `tokens` tokens: `W_shared + W_exp·(1−(1−k/E)^B)`.
    /// The coverage term assumes that tokens are routed to experts independently; similar prompts
    /// use fewer experts.
    pub fn read(&self, tokens: u64) -> Bytes {
        let Some(fraction) = self.expert_fraction else { return self.shared };
        let coverage = 1.0 - (1.0 - fraction).powf(tokens as f64);
        Bytes(self.shared.0.saturating_add(scaled(self.experts, coverage).0))
    }
}

/// `fraction` (0 to 1) of `bytes`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the fraction is between 0 and 1, so the product fits"
)]
fn scaled(bytes: Bytes, fraction: f64) -> Bytes {
    Bytes((bytes.0 as f64 * fraction).round() as u64)
}

/// Work of one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepLoad {
    /// Prompt tokens processed in the step, over all sequences.
    pub prefill_tokens: u32,
    /// Sequences decoding one token each.
    pub decode_sequences: u32,
    /// KV bytes read, over all sequences: the sum of [`KvCost::read`].
    pub kv_bytes: Bytes,
}

impl StepLoad {
    /// Step in which `sequences` sequences of `context` cached tokens decode one token each.
    pub fn decode(sequences: u32, context: Tokens, kv: &KvCost) -> Self {
        let kv_bytes = Bytes(kv.read(context).0.saturating_mul(u64::from(sequences)));
        Self { prefill_tokens: 0, decode_sequences: sequences, kv_bytes }
    }

    /// Tokens of the batch, prefill and decode.
    pub fn tokens(&self) -> u64 {
        u64::from(self.prefill_tokens) + u64::from(self.decode_sequences)
    }
}

/// Time of one step: zero without tokens, [`Duration::MAX`] on a machine without bandwidth or
/// compute.
pub fn step_time(machine: &MachineModel, weights: &WeightCost, load: &StepLoad) -> Duration {
    let tokens = load.tokens();
    if tokens == 0 {
        return Duration::ZERO;
    }
    let bytes = weights.read(tokens).0.saturating_add(load.kv_bytes.0) as f64;
    let operations = 2.0 * weights.parameters_active as f64 * tokens as f64;
    let seconds = quotient(bytes, machine.bandwidth.0).max(quotient(operations, machine.compute.0));
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX).saturating_add(machine.overhead)
}

/// `work ÷ rate` in seconds; zero without work, infinite for a rate that is not positive.
fn quotient(work: f64, rate: f64) -> f64 {
    if work <= 0.0 {
        0.0
    } else if rate > 0.0 {
        work / rate
    } else {
        f64::INFINITY
    }
}

/// Upper bound on output tokens per second of `machine` with `sequences` sequences of `context`
/// cached tokens in flight; zero where the step time is infinite.
pub fn roof(
    machine: &MachineModel,
    weights: &WeightCost,
    kv: &KvCost,
    sequences: u32,
    context: Tokens,
) -> TokensPerSecond {
    let step = step_time(machine, weights, &StepLoad::decode(sequences, context, kv));
    if step.is_zero() || step == Duration::MAX {
        return TokensPerSecond(0.0);
    }
    TokensPerSecond(f64::from(sequences) / step.as_secs_f64())
}

#[cfg(test)]
mod tests;
