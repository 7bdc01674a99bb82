//! Cost model of a model on a simulated machine.

use std::time::Duration;

use harmonic_perfmodel::kv::KvCost;
use harmonic_perfmodel::step::{MachineModel, WeightCost};
use harmonic_types::{Bytes, BytesPerSecond, FlopsPerSecond, KvType, ModelShape};

/// Costs of a model on a machine.
#[derive(Clone, Debug, PartialEq)]
pub struct CostModel {
    /// The machine.
    pub machine: MachineModel,
    /// Cost of the weights in a step.
    pub weights: WeightCost,
    /// Cost of the KV cache.
    pub kv: KvCost,
    /// Size of the weights.
    pub weights_bytes: Bytes,
}

impl CostModel {
    /// Costs of `shape` on `machine`.
    pub fn new(machine: MachineModel, shape: &ModelShape, kv_type: KvType) -> Self {
        Self {
            machine,
            weights: WeightCost::of(shape),
            kv: KvCost::of(shape, kv_type),
            weights_bytes: shape.weights_bytes,
        }
    }

    /// Costs on the DGX Spark's GB10: 273 GB/s (`docs/sources.md#bandwidth-of-the-gb10`), with an
    /// assumed 60 TFLOPS and 1 ms of overhead per step (`docs/sources.md#compute-of-the-gb10`).
    pub fn dgx_spark(shape: &ModelShape) -> Self {
        Self::of_bandwidth(273e9, shape)
    }

    /// Costs on the Ryzen AI MAX+ 395: 256 GB/s (`docs/sources.md#bandwidth-of-strix-halo`), with the
    /// arithmetic and the overhead that are assumed of the DGX Spark
    /// (`docs/sources.md#compute-of-the-gb10`).
    pub fn ryzen_ai_max_395(shape: &ModelShape) -> Self {
        Self::of_bandwidth(256e9, shape)
    }

    fn of_bandwidth(bytes_per_second: f64, shape: &ModelShape) -> Self {
        let machine = MachineModel {
            bandwidth: BytesPerSecond(bytes_per_second),
            compute: FlopsPerSecond(60e12),
            overhead: Duration::from_millis(1),
        };
        Self::new(machine, shape, KvType::F16)
    }
}
