//! Identity of the model under load.
//!
//! Invariants: it comes from the plan for a team of our own, and from the engines' status for a
//! running server. Nothing is guessed: a server that does not report it has no key, so no curve is
//! made of its figures.

use harmonic_api::{Client, EngineIdentity};
use harmonic_bench::Load;
use harmonic_types::{CurveKey, Hardware, KvType, ModelFile, ModelShape, Plan};

use super::environment;
use super::targets::BenchTarget;
use crate::error::Result;
use crate::settings::Settings;

/// Identity of a model under load.
#[derive(Clone, Debug)]
pub struct ModelIdentity {
    pub key: CurveKey,
    /// Shape of the model file with the key's digest; `None` where it is not in the store.
    pub shape: Option<ModelShape>,
    pub kv_type: KvType,
}

/// Identities of the models of `plan`; `None` for a model without a digest.
///
/// # Errors
/// When the store cannot be read.
pub fn of_plan(
    plan: &Plan,
    targets: &[BenchTarget],
    hardware: &Hardware,
    settings: &Settings,
) -> Result<Vec<Option<ModelIdentity>>> {
    let of_one = |target: &BenchTarget| {
        let Some(engine) = plan.engines.get(target.engine) else { return Ok(None) };
        let Some(key) = environment::key(plan, target.engine, hardware) else { return Ok(None) };
        let shape = shape(&key, settings)?;
        let Some(kv_type) = engine.kv_type() else { return Ok(None) };
        Ok(Some(ModelIdentity { key, shape, kv_type }))
    };
    targets.iter().map(of_one).collect()
}

/// Identities of the models of a running server of ours on this machine, as it reports them; `None`
/// for other servers, and for a model without a digest.
///
/// # Errors
/// When the store cannot be read.
pub async fn of_server(
    client: &Client,
    targets: &[BenchTarget],
    hardware: &Hardware,
    settings: &Settings,
) -> Result<Vec<Option<ModelIdentity>>> {
    let engines = if client.is_local() { client.slots().await? } else { None };
    let engines = engines.unwrap_or_default();
    let of_one = |target: &BenchTarget| {
        let engine = engines.get(target.engine).filter(|engine| engine.model == target.model);
        let Some(EngineIdentity {
            digest: Some(digest),
            format,
            build: Some(build),
            kv_type: Some(kv_type),
            ..
        }) = engine.map(|engine| engine.identity.clone())
        else {
            return Ok(None);
        };
        let key = CurveKey {
            machine: hardware.name.clone(),
            model: target.model.clone(),
            digest: Some(digest),
            format,
            engine: build,
            context: None,
        };
        Ok(Some(ModelIdentity { shape: shape(&key, settings)?, key, kv_type }))
    };
    targets.iter().map(of_one).collect()
}

/// Shape of the model file of `key`, where the store has it.
fn shape(key: &CurveKey, settings: &Settings) -> Result<Option<ModelShape>> {
    let file = settings.store.find(&key.model)?;
    let same = |file: &ModelFile| file.digest == key.digest;
    Ok(file.filter(same).map(|file| file.shape))
}

/// Sets the key of each load whose model is identified.
pub fn set_keys(loads: &mut [Load], identities: &[Option<ModelIdentity>]) {
    for (load, identity) in loads.iter_mut().zip(identities) {
        load.key = identity.as_ref().map(|identity| identity.key.clone());
    }
}
