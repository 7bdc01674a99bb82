//! What is known of the model behind a load.
//!
//! Invariants: of a team of our own the plan says it; of a server that runs, the server itself, from
//! its engines' own state. Nothing is guessed: a server that does not say has no key, so its figures
//! are of no curve.

use harmonic_api::{Client, EngineIdentity};
use harmonic_bench::Load;
use harmonic_types::{CurveKey, Hardware, KvType, ModelFile, ModelShape, Plan};

use super::ground;
use super::loads::Asked;
use crate::settings::Settings;

/// A model behind a load.
#[derive(Clone, Debug)]
pub struct Behind {
    pub key: CurveKey,
    /// Of the file with the key's digest; `None` where that file is not in the store.
    pub shape: Option<ModelShape>,
    pub kv_type: KvType,
}

/// The models of a team of our own; `None` of a model without a digest.
///
/// # Errors
/// When the store cannot be read.
pub fn of_plan(
    plan: &Plan,
    asked: &[Asked],
    hardware: &Hardware,
    settings: &Settings,
) -> anyhow::Result<Vec<Option<Behind>>> {
    let of_one = |asked: &Asked| {
        let Some(engine) = plan.engines.get(asked.engine) else { return Ok(None) };
        let Some(key) = ground::key(plan, asked.engine, hardware) else { return Ok(None) };
        let shape = shape(&key, settings)?;
        Ok(Some(Behind { key, shape, kv_type: engine.local().kv_type }))
    };
    asked.iter().map(of_one).collect()
}

/// The models of a server of ours that runs on this machine, as it says itself; `None` of any other
/// server, and of a model whose digest it does not know.
///
/// # Errors
/// When the store cannot be read.
pub async fn of_server(
    client: &Client,
    asked: &[Asked],
    hardware: &Hardware,
    settings: &Settings,
) -> anyhow::Result<Vec<Option<Behind>>> {
    let engines = if client.is_local() { client.slots().await? } else { None };
    let engines = engines.unwrap_or_default();
    let of_one = |asked: &Asked| {
        let engine = engines.get(asked.engine).filter(|engine| engine.model == asked.model);
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
            model: asked.model.clone(),
            digest: Some(digest),
            format,
            engine: build,
            context: None,
        };
        Ok(Some(Behind { shape: shape(&key, settings)?, key, kv_type }))
    };
    asked.iter().map(of_one).collect()
}

/// The shape of the model file that `key` is of, where it is here.
fn shape(key: &CurveKey, settings: &Settings) -> anyhow::Result<Option<ModelShape>> {
    let file = settings.store.find(&key.model)?;
    let same = |file: &ModelFile| file.digest == key.digest;
    Ok(file.filter(same).map(|file| file.shape))
}

/// Writes down in each load what is known of its model.
pub fn note(loads: &mut [Load], behind: &[Option<Behind>]) {
    for (load, behind) in loads.iter_mut().zip(behind) {
        load.key = behind.as_ref().map(|behind| behind.key.clone());
    }
}
