//! What is known of the model behind a load.
//!
//! Invariants: a model is known by its file here: of a server elsewhere nothing is.

use harmonic_api::Client;
use harmonic_bench::Load;
use harmonic_types::{CurveKey, Hardware, KvType, ModelFile, ModelShape, Plan};

use super::ground;
use super::loads::Asked;
use crate::engines;
use crate::settings::Settings;

/// A model behind a load.
#[derive(Clone, Debug)]
pub struct Behind {
    pub key: CurveKey,
    pub shape: ModelShape,
    pub kv_type: KvType,
}

/// The models of a team of our own; `None` where a model is not in the store.
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
        let key = ground::key(plan, asked.engine, hardware);
        let file = settings.store.find(&engine.model)?;
        Ok(key.zip(file).map(|(key, ModelFile { shape, .. })| Behind {
            key,
            shape,
            kv_type: engine.kv_type,
        }))
    };
    asked.iter().map(of_one).collect()
}

/// The models of a server of ours that runs on this machine; `None` of any other server.
///
/// # Errors
/// When the store cannot be read.
pub async fn of_server(
    client: &Client,
    asked: &[Asked],
    hardware: &Hardware,
    settings: &Settings,
) -> anyhow::Result<Vec<Option<Behind>>> {
    let health = if client.is_local() { client.engines().await.ok() } else { None };
    let of_one = |asked: &Asked| {
        let engines = health.as_ref().map(|health| health.engines.as_slice()).unwrap_or_default();
        let Some(engine) = engines.get(asked.engine).filter(|engine| engine.model == asked.model)
        else {
            return Ok(None);
        };
        let Some(ModelFile { digest: Some(digest), shape, .. }) =
            settings.store.find(&asked.model)?
        else {
            return Ok(None);
        };
        let kind = if engine.kind == "sim" { "sim" } else { "llama" };
        let key = CurveKey {
            machine: hardware.name.clone(),
            model: asked.model.clone(),
            digest: Some(digest),
            format: Some(shape.format.clone()),
            engine: engines::build(kind),
            context: None,
        };
        Ok(Some(Behind { key, shape, kv_type: KvType::F16 }))
    };
    asked.iter().map(of_one).collect()
}

/// Writes down in each load what is known of its model.
pub fn note(loads: &mut [Load], behind: &[Option<Behind>]) {
    for (load, behind) in loads.iter_mut().zip(behind) {
        load.key = behind.as_ref().map(|behind| behind.key.clone());
    }
}
