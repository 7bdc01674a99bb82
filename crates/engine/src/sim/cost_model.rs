//! What a simulated machine is made of.

use std::time::Duration;

use harmonic_laws::kv::KvCost;
use harmonic_laws::step::{MachineModel, WeightCost};
use harmonic_types::{Bytes, BytesPerSecond, FlopsPerSecond, KvType, ModelShape};

/// A model on a machine, both on paper.
#[derive(Clone, Debug, PartialEq)]
pub struct CostModel {
    /// The machine.
    pub machine: MachineModel,
    /// What the weights cost in a step.
    pub weights: WeightCost,
    /// What the KV cache costs.
    pub kv: KvCost,
    /// Bytes of the weights.
    pub weights_bytes: Bytes,
}

impl CostModel {
    /// `shape` on `machine`.
    pub fn new(machine: MachineModel, shape: &ModelShape, kv_type: KvType) -> Self {
        Self {
            machine,
            weights: WeightCost::of(shape),
            kv: KvCost::of(shape, kv_type),
            weights_bytes: shape.weights_bytes,
        }
    }

    /// The DGX Spark's GB10: 273 GB/s (`docs/sources.md#bandwidth-of-the-gb10`), and by assumption
    /// 60 TFLOPS and 1 ms of overhead for each step (`docs/sources.md#compute-of-the-gb10`).
    pub fn dgx_spark(shape: &ModelShape) -> Self {
        let machine = MachineModel {
            bandwidth: BytesPerSecond(273e9),
            compute: FlopsPerSecond(60e12),
            overhead: Duration::from_millis(1),
        };
        Self::new(machine, shape, KvType::F16)
    }
}
