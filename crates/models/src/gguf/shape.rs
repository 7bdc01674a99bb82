//! Derivation of the [`ModelShape`] from a header.

use std::collections::BTreeMap;

use harmonic_types::{Bytes, ModelShape, Provenance, TiedEmbedding, Tokens};

use crate::gguf::Header;
use crate::gguf::error::GgufError;
use crate::gguf::file_type;
use crate::gguf::geometry::{self, Keys};
use crate::gguf::recurrent::recurrent;
use crate::gguf::tensor::{TensorInfo, TensorType};
use crate::gguf::validation;
use crate::gguf::validation::embedding::{is_encoder, pooling};
use crate::gguf::value::Value;

/// The shape of a header, with provenance `measured`.
///
/// # Errors
/// If a key is missing or invalid, as in a file without a language model, or if llama.cpp would
/// abort the process on it.
pub fn shape(header: &Header) -> Result<ModelShape, GgufError> {
    let architecture = header.architecture()?;
    validation::validate(header)?;
    let keys = Keys(architecture);
    let layers = geometry::layers(header)?;
    let experts = experts(header, &keys, layers.len())?;
    let parameters = total(header.tensors.iter().map(TensorInfo::elements));
    let recurrent = recurrent(header, &keys, &layers)?;
    let pooling = pooling(header, &keys)?;
    // llama.cpp splits their batches, and pools each part by itself.
    if recurrent.is_some() && pooling.is_some() {
        let reason = "is stated, but a model with recurrent layers cannot compute embeddings";
        return Err(GgufError::key(&keys.full("pooling_type"), reason));
    }
    Ok(ModelShape {
        architecture: architecture.to_owned(),
        recurrent,
        query_heads: query_heads(header, &keys, layers.len())?,
        embedding_length: keys.required(header, "embedding_length")?,
        feed_forward_length: feed_forward_length(header, &keys, layers.len(), experts)?,
        context_trained: Tokens(keys.required(header, "context_length")?),
        vocabulary: vocabulary(header, &keys)?,
        parameters,
        parameters_active: parameters_active(header, parameters, experts),
        experts,
        weights_bytes: Bytes(total(header.tensors.iter().map(|tensor| tensor.bytes))),
        format: file_type::format(header).to_owned(),
        tied_embedding: tied_embedding(header).filter(|_| !is_encoder(architecture)),
        pooling,
        provenance: Provenance::Measured,
        layers,
    })
}

fn total(parts: impl Iterator<Item = u64>) -> u64 {
    parts.fold(0, u64::saturating_add)
}

fn vocabulary(header: &Header, keys: &Keys<'_>) -> Result<u32, GgufError> {
    const TOKENS: &str = "tokenizer.ggml.tokens";
    if let Some(Value::Array { length, .. }) = header.metadata.get(TOKENS) {
        return u32::try_from(*length)
            .map_err(|_| GgufError::key(TOKENS, format!("has {length} entries")));
    }
    keys.required(header, "vocab_size")
}

/// Experts and experts per token, the maximum over layers.
fn experts(
    header: &Header,
    keys: &Keys<'_>,
    layers: usize,
) -> Result<Option<(u32, u32)>, GgufError> {
    let count = keys.optional(header, "expert_count")?.unwrap_or(0);
    if count == 0 {
        return Ok(None);
    }
    let layers = u32::try_from(layers).unwrap_or(u32::MAX);
    let used = keys.per_layer(header, "expert_used_count", layers)?;
    let used = used.and_then(|used| used.into_iter().max()).unwrap_or(0);
    if used == 0 || used > count {
        let key = keys.full("expert_used_count");
        return Err(GgufError::key(&key, format!("is {used} of {count} experts")));
    }
    Ok(Some((count, used)))
}

/// Query heads, the maximum over layers.
fn query_heads(header: &Header, keys: &Keys<'_>, layers: usize) -> Result<u32, GgufError> {
    let layers = u32::try_from(layers).unwrap_or(u32::MAX);
    let heads = keys.per_layer(header, "attention.head_count", layers)?;
    Ok(heads.and_then(|heads| heads.into_iter().max()).unwrap_or(0))
}

/// Inner width of the feed-forward network; an absent key means none, as in llama.cpp. Mixtures of
/// experts have a separate key for an expert's width, except the oldest files, which use the
/// model's.
fn feed_forward_length(
    header: &Header,
    keys: &Keys<'_>,
    layers: usize,
    experts: Option<(u32, u32)>,
) -> Result<u32, GgufError> {
    let layers = u32::try_from(layers).unwrap_or(u32::MAX);
    let widest = |key: &str| -> Result<Option<u32>, GgufError> {
        let lengths = keys.per_layer(header, key, layers)?;
        Ok(lengths.and_then(|lengths| lengths.into_iter().max()))
    };
    let stated = widest("feed_forward_length")?.unwrap_or(0);
    let Some((_, used)) = experts else { return Ok(stated) };
    let Some(expert) = widest("expert_feed_forward_length")? else {
        return Ok(stated.saturating_mul(used));
    };
    let shared = widest("expert_shared_feed_forward_length")?.unwrap_or(0);
    Ok(expert.saturating_mul(used).saturating_add(shared))
}

/// The embedding, which llama.cpp uses as the output matrix if the file has none.
fn tied_embedding(header: &Header) -> Option<TiedEmbedding> {
    let named = |name: &str| header.tensors.iter().find(|tensor| tensor.name == name);
    if named("output.weight").is_some() {
        return None;
    }
    let embedding = named("token_embd.weight")?;
    let format = embedding.kind.name().to_owned();
    Some(TiedEmbedding { format, bytes: Bytes(embedding.bytes) })
}

/// Parameters used per token. Routed experts are stored as `…_exps` tensors with the expert as
/// outermost dimension; shared experts (`…_shexp`) run for every token.
fn parameters_active(header: &Header, parameters: u64, experts: Option<(u32, u32)>) -> u64 {
    let Some((count, used)) = experts else { return parameters };
    let routed = total(
        header
            .tensors
            .iter()
            .filter(|tensor| tensor.name.contains("_exps."))
            .map(TensorInfo::elements),
    );
    let idle = u128::from(routed) * u128::from(count - used) / u128::from(count);
    parameters.saturating_sub(u64::try_from(idle).unwrap_or(u64::MAX))
}

/// The type with most bytes among the matrices; norms and biases are F32 in every file.
pub(crate) fn predominant(header: &Header) -> Option<TensorType> {
    let mut by_type: BTreeMap<TensorType, u64> = BTreeMap::new();
    for tensor in header.tensors.iter().filter(|tensor| tensor.dimensions.len() >= 2) {
        let bytes = by_type.entry(tensor.kind).or_default();
        *bytes = bytes.saturating_add(tensor.bytes);
    }
    by_type.into_iter().max_by_key(|(_, bytes)| *bytes).map(|(kind, _)| kind)
}
