//! llama.cpp as the converter of the model store, and the meter of what a conversion loses.

use std::path::Path;

use harmonic_models::{DivergenceMeter, Quantizer, WeightFormat};
use harmonic_types::{Divergence, KvType};

/// llama.cpp as the converter of the model store and the meter of the conversion loss.
#[derive(Clone, Copy, Debug)]
pub struct LlamaConverter {
    /// Threads used.
    pub threads: u32,
}

impl Quantizer for LlamaConverter {
    fn quantize(&self, input: &Path, output: &Path, format: WeightFormat) -> Result<(), String> {
        harmonic_llama::quantize(input, output, format.name(), self.threads)
            .map_err(|error| error.to_string())
    }
}

impl DivergenceMeter for LlamaConverter {
    fn divergence(&self, original: &Path, converted: &Path) -> Result<Divergence, String> {
        harmonic_llama::divergence(original, converted, self.threads)
            .map_err(|error| error.to_string())
    }

    fn kv_divergence(&self, model: &Path, kv_type: KvType) -> Result<Divergence, String> {
        harmonic_llama::kv_divergence(model, kv_type, self.threads)
            .map_err(|error| error.to_string())
    }
}
