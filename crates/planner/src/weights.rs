//! Resident weights of an engine: all tensors once, and a tied embedding twice where the CPU kernels
//! need a repacked form of it that does not support row lookup.
//!
//! Measured with AMX: the engine of `smollm2:135m` in `Q4_1` held 33 MB more than its tensors, that
//! of `gemma3:270m` 178 MB (`cargo bench -p harmonic-llama --bench memory`).
//!
//! Does not count: matrices repacked for other CPUs (`ggml-cpu/repack.cpp`); no model of the catalog
//! has an embedding of such a type.

use harmonic_types::{Bytes, Device, DeviceKind, ModelShape};

/// Tensor types with AMX kernels in ggml (`qtype_has_amx_kernels`, `ggml-cpu/amx/common.h`).
const AMX_TYPES: [&str; 7] = ["Q4_0", "Q4_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K", "IQ4_XS"];

/// Whether engines on `device` use AMX. llama.cpp uses it for integers only.
pub(crate) fn has_amx(device: &Device) -> bool {
    device.kind == DeviceKind::Cpu && device.features.iter().any(|feature| feature == "amx_int8")
}

/// Bytes of the resident weights of `shape`.
pub(crate) fn weights(shape: &ModelShape, amx: bool) -> Bytes {
    let tied = shape.tied_embedding.as_ref().filter(|_| amx);
    let twice = tied.filter(|tied| AMX_TYPES.contains(&tied.format.as_str()));
    Bytes(shape.weights_bytes.0.saturating_add(twice.map_or(0, |tied| tied.bytes.0)))
}

#[cfg(test)]
mod tests {
    use harmonic_types::{Provenance, TiedEmbedding, Tokens};

    use super::*;

    fn shape(format: &str) -> ModelShape {
        let tied = TiedEmbedding { format: format.to_owned(), bytes: Bytes(30) };
        ModelShape {
            architecture: "test".to_owned(),
            layers: Vec::new(),
            recurrent: None,
            query_heads: 0,
            embedding_length: 0,
            feed_forward_length: 0,
            context_trained: Tokens(0),
            vocabulary: 0,
            parameters: 0,
            parameters_active: 0,
            experts: None,
            weights_bytes: Bytes(100),
            format: format.to_owned(),
            tied_embedding: Some(tied),
            pooling: None,
            provenance: Provenance::Declared,
        }
    }

    #[test]
    fn an_embedding_counts_twice_where_amx_has_a_form_of_its_own() {
        assert_eq!(weights(&shape("Q8_0"), true), Bytes(130));
        assert_eq!(weights(&shape("BF16"), true), Bytes(100));
        assert_eq!(weights(&shape("Q8_0"), false), Bytes(100));
        let untied = ModelShape { tied_embedding: None, ..shape("Q8_0") };
        assert_eq!(weights(&untied, true), Bytes(100));
    }
}
