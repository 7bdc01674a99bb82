//! Tensors: types without a kernel in llama.cpp, and rows that do not match the vocabulary.

use crate::gguf::Header;
use crate::gguf::error::GgufError;
use crate::gguf::geometry::Keys;
use crate::gguf::tensor::{TensorInfo, TensorType};
use crate::gguf::value::Value;
use crate::gguf::vocabulary_scan::TOKENS;

/// Types without a matrix product on CPUs: without a dot product (`type_traits_cpu`, `ggml-cpu.c`)
/// llama.cpp calls a null pointer.
const NO_PRODUCT: [TensorType; 7] = [
    TensorType::I8,
    TensorType::I16,
    TensorType::I32,
    TensorType::I64,
    TensorType::F64,
    TensorType::Q8_1,
    TensorType::Q8_K,
];

/// Tensors that are added, multiplied or scanned, whose kernels support only F32, regardless of
/// their dimensions (`binary_op`, `ggml_ssm_conv`, `ggml_ssm_scan`).
const F32_ONLY: [&str; 5] = ["ssm_conv1d", "ssm_a", "ssm_d", "shortconv.conv", "rope_freqs"];

pub(super) fn check(header: &Header, keys: &Keys<'_>) -> Result<(), GgufError> {
    for tensor in &header.tensors {
        types(tensor)?;
    }
    rows(header, keys)
}

fn types(tensor: &TensorInfo) -> Result<(), GgufError> {
    let wrong = |reason: String| Err(GgufError::Tensor { name: tensor.name.clone(), reason });
    let name = tensor.kind.name();
    let weight = tensor.name.ends_with(".weight");
    if weight && NO_PRODUCT.contains(&tensor.kind) {
        return wrong(format!("has the type {name}, which has no kernel"));
    }
    let part = tensor.name.strip_suffix(".weight").unwrap_or(&tensor.name);
    let part =
        part.strip_prefix("blk.").and_then(|rest| rest.split_once('.')).map_or(part, |p| p.1);
    let scanned = F32_ONLY.contains(&part) || part.ends_with("norm") || part.ends_with("bias");
    let vector = weight && tensor.dimensions.len() == 1;
    if tensor.kind != TensorType::F32 && (vector || scanned) {
        return wrong(format!("has the type {name}, expected F32"));
    }
    Ok(())
}

/// Checks that the embedding and the output have one row per token.
fn rows(header: &Header, keys: &Keys<'_>) -> Result<(), GgufError> {
    let Some(Value::Array { length: tokens, .. }) = header.metadata.get(TOKENS) else {
        return Ok(());
    };
    let width = u64::from(keys.required(header, "embedding_length")?);
    for tensor in &header.tensors {
        let whole = matches!(tensor.name.as_str(), "token_embd.weight" | "output.weight");
        if whole && tensor.dimensions != [width, *tokens] {
            let found = &tensor.dimensions;
            let reason = format!("has the dimensions {found:?}, expected [{width}, {tokens}]");
            return Err(GgufError::Tensor { name: tensor.name.clone(), reason });
        }
    }
    Ok(())
}
