//! Simulated embedding model.
//!
//! Invariant: a vector depends only on the tokens of its own input. Texts with many triples of bytes
//! in common have similar vectors.

use std::sync::Arc;

use harmonic_batching::Token;
use harmonic_perfmodel::mix;
use harmonic_perfmodel::step::{StepLoad, step_time};
use harmonic_types::Bytes;

use super::{CostModel, SimVocabulary};
use crate::clock::WallClock;
use crate::embedder::{Embedder, Encoded, Encoder};
use crate::engine::{Allocation, EngineError};
use crate::local::LocalConfig;
use crate::machine::MachineError;

/// A simulated encoder.
#[derive(Clone, Debug)]
pub struct SimEncoder {
    costs: CostModel,
    /// Dimensions of a vector.
    width: u32,
    batch_tokens: usize,
    batch_inputs: usize,
}

impl SimEncoder {
    /// An encoder of vectors of `width` dimensions for the engine of `config`.
    pub fn new(costs: CostModel, width: u32, config: &LocalConfig) -> Self {
        Self {
            costs,
            width,
            batch_tokens: config.embedding_batch_tokens() as usize,
            batch_inputs: config.sequences as usize,
        }
    }

    fn vector(&self, tokens: &[Token]) -> Vec<f32> {
        let hash_of = |triple: &[Token]| {
            triple.iter().fold(0, |hash, Token(id)| mix(hash ^ u64::from(id.cast_unsigned())))
        };
        let hashes: Vec<u64> = match tokens.len() {
            0..3 => vec![hash_of(tokens)],
            _ => tokens.windows(3).map(hash_of).collect(),
        };
        let noise = |seed: u64| (mix(seed) >> 40) as f32 / (1u64 << 23) as f32 - 1.0;
        let dimension =
            |at: u32| hashes.iter().map(|hash| noise(hash ^ (u64::from(at) << 32))).sum::<f32>();
        (0..self.width).map(dimension).collect()
    }
}

impl Encoder for SimEncoder {
    fn allocation(&self) -> Allocation {
        Allocation {
            weights_bytes: Some(self.costs.weights_bytes),
            kv_bytes: None,
            state_bytes: None,
            compute_bytes: None,
            resident_bytes: None,
        }
    }

    fn batch_tokens(&self) -> usize {
        self.batch_tokens
    }

    fn batch_inputs(&self) -> usize {
        self.batch_inputs
    }

    fn encode(&mut self, inputs: &[&[Token]]) -> Result<Encoded, MachineError> {
        let tokens: usize = inputs.iter().map(|input| input.len()).sum();
        if tokens > self.batch_tokens || inputs.len() > self.batch_inputs {
            return Err(MachineError::Failed {
                action: "encoding",
                reason: format!("{} inputs of {tokens} tokens in one batch", inputs.len()),
            });
        }
        let load = StepLoad {
            prefill_tokens: u32::try_from(tokens).unwrap_or(u32::MAX),
            decode_sequences: 0,
            kv_bytes: Bytes::ZERO,
        };
        Ok(Encoded {
            vectors: inputs.iter().map(|input| self.vector(input)).collect(),
            simulated_time: step_time(&self.costs.machine, &self.costs.weights, &load),
        })
    }
}

/// Starts a simulated engine for embeddings of `width` dimensions, in real time.
///
/// # Errors
/// See [`Embedder::spawn`].
pub fn spawn_embedder(
    config: LocalConfig,
    costs: CostModel,
    width: u32,
) -> Result<Embedder, EngineError> {
    let encoder = SimEncoder::new(costs, width, &config);
    Embedder::spawn(config, Arc::new(SimVocabulary), move |thread| {
        thread.drive(encoder, &mut WallClock::default())
    })
}
