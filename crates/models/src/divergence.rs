//! Divergence of a conversion's output distribution from the original's, and its bound.
//!
//! Invariant: a measured divergence is stored in the conversion's record.
//!
//! Does not do: the measurement (the caller's [`DivergenceMeter`] does).

use std::path::Path;
use std::sync::Arc;

use harmonic_types::{Divergence, KvType};

use crate::convert::converted_name;
use crate::error::ModelError;
use crate::format::WeightFormat;
use crate::progress::{Progress, ProgressSpan};
use crate::store::{Store, StoredModel};
use crate::worker;

/// Upper bound of the KL divergence, in nats per token, of a conversion that is used by default.
pub const DIVERGENCE_BOUND: f64 = Divergence::BOUND;

/// Comparison of two model files; implemented with llama.cpp.
pub trait DivergenceMeter: Send + Sync {
    /// Mean KL divergence of `converted` from `original` over a fixed text. Runs on a blocking
    /// thread.
    ///
    /// # Errors
    /// The cause, as one sentence.
    fn divergence(&self, original: &Path, converted: &Path) -> Result<Divergence, String>;

    /// Mean KL divergence over the same text of `model` with a KV cache of this type from itself
    /// with one in f16. Runs on a blocking thread.
    ///
    /// # Errors
    /// The cause, as one sentence.
    fn kv_divergence(&self, model: &Path, kv_type: KvType) -> Result<Divergence, String>;
}

/// The divergence of the conversion of `name` to `format`, from its record or measured now.
///
/// # Errors
/// If there is no such conversion, or it cannot be measured.
pub async fn conversion_divergence(
    store: &Store,
    name: &str,
    format: WeightFormat,
    meter: Arc<dyn DivergenceMeter>,
    progress: &dyn Progress,
) -> Result<Divergence, ModelError> {
    let not_stored = |name: &str| ModelError::NotStored(name.to_owned());
    let original = store.show(name)?.ok_or_else(|| not_stored(name))?;
    let target = converted_name(&original.record.name, format);
    let StoredModel { record: mut converted, file } =
        store.show(&target)?.ok_or_else(|| not_stored(&target))?;
    let from = converted.converted_from.as_mut().ok_or_else(|| not_stored(&target))?;
    if let Some(known) = from.divergence {
        return Ok(known);
    }
    let span = ProgressSpan::begin(progress, &format!("comparing {target} with {name}"), None);
    let (before, after) = (original.file.path, file.path);
    let measured = worker::run(None, move |_| meter.divergence(&before, &after)).await;
    drop(span);
    let divergence = measured.map_err(|reason| ModelError::Compare {
        name: name.to_owned(),
        converted: target.clone(),
        reason,
    })?;
    from.divergence = Some(divergence);
    store.update_record(&converted)?;
    Ok(divergence)
}

/// The divergence of `model` with a KV cache of this type, measured now.
///
/// # Errors
/// The cause, as one sentence.
pub async fn measure_kv_divergence(
    model: &Path,
    kv_type: KvType,
    meter: Arc<dyn DivergenceMeter>,
    progress: &dyn Progress,
) -> Result<Divergence, String> {
    let span =
        ProgressSpan::begin(progress, &format!("comparing KV caches in {kv_type} and f16"), None);
    let model = model.to_owned();
    let measured = worker::run(None, move |_| meter.kv_divergence(&model, kv_type)).await;
    drop(span);
    measured
}

/// Whether a conversion with that divergence is used by default.
pub fn is_faithful(divergence: Divergence) -> bool {
    divergence.is_within_bound()
}

/// Human-readable form: `KL divergence 0.0003 nats/token on 923 tokens, bound 0.01`.
pub fn describe(divergence: Divergence) -> String {
    let Divergence { nats_per_token, tokens } = divergence;
    format!(
        "KL divergence {nats_per_token:.4} nats/token on {tokens} tokens, bound {DIVERGENCE_BOUND}"
    )
}
