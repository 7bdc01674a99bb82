//! An encoder over a model file, as the plan would set it up.

use std::path::Path;

use harmonic_engine::{Encoder as _, Token};
use harmonic_llama::{EncoderSetup, LlamaEncoder, Model};
use harmonic_models::ModelFiles;
use harmonic_planner::PlannedModel;
use harmonic_planner::cost_model::{CostModel, SlotsByContext};
use harmonic_planner::footprint::Footprint;
use harmonic_types::{BudgetRule, KvType, LlamaSpec, LocalSpec};

/// Tokens of the longest input.
pub const CONTEXT: u32 = 64;

/// What the planner expects of the model at `path`, and the setup that follows from it.
pub fn planned(path: &Path) -> (Footprint, EncoderSetup) {
    let shape = ModelFiles::open(path).and_then(|files| files.shape()).expect("a model");
    let pooling = shape.pooling.expect("an embedding model");
    let planned = PlannedModel {
        name: "synthetic".to_owned(),
        path: Some(path.to_owned()),
        digest: None,
        shape,
        paper: None,
    };
    let costs = CostModel::of(&planned, BudgetRule::Exact, KvType::F16, 8).expect("exact");
    let footprint = costs.engine(&SlotsByContext::from([(CONTEXT.into(), 4)]));
    let local = LocalSpec {
        path: Some(path.to_owned()),
        threads: 1,
        kv_layout: footprint.layout,
        kv_type: KvType::F16,
        kv_tokens: footprint.kv_tokens,
        pooling: Some(pooling),
    };
    let setup = EncoderSetup {
        id: "synthetic".to_owned(),
        path: path.to_owned(),
        threads: 1,
        inputs: footprint.sequences,
        batch_tokens: 512,
        context: CONTEXT,
        pooling,
        spec: LlamaSpec { local, attention: footprint.attention },
    };
    (footprint, setup)
}

/// Computes one vector per input with the model at `path`; the error as text.
pub fn embed(path: &Path, inputs: &[&[Token]]) -> Result<Vec<Vec<f32>>, String> {
    let model = Model::load(path).map_err(|error| error.to_string())?;
    let (_, setup) = planned(path);
    let mut encoder = LlamaEncoder::new(&model, &setup).map_err(|error| error.to_string())?;
    let batch = encoder.encode(inputs).map_err(|error| error.to_string())?;
    Ok(batch.vectors)
}
