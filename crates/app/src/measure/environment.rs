//! The machine under a load: its meters, what is written down of it, and the roof it sets.
//!
//! Invariants: meters, sensors and environment are those of a target on this host, and of no other;
//! where there is no meter, a warning says why.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use harmonic_api::Client;
use harmonic_bench::{Levels, Telemetry, Warning};
use harmonic_hardware::probe::probe;
use harmonic_hardware::profile::bandwidth;
use harmonic_hardware::{EngineDevice, Sysroot, energy_meter_for, environment, sensors};
use harmonic_perfmodel::{KvCost, MachineModel, WeightCost, roof};
use harmonic_types::{
    Bytes, BytesPerSecond, CurveKey, EngineKind, FlopsPerSecond, Hardware, KvType, ModelShape,
    Plan, Tokens, TokensPerSecond,
};

use crate::engines;
use crate::event::{Event, Observer};

/// The machine of a target: its meters, and what is written down of it.
#[derive(Debug, Default)]
pub struct Environment {
    pub instruments: Telemetry,
    /// For the record.
    pub lines: Vec<String>,
    pub warnings: Vec<Warning>,
}

/// What can be read of the machine that serves `client`; `on` is what its engines run on.
pub fn of(client: &Client, on: EngineDevice) -> Environment {
    if !client.is_local() {
        let warning = Warning::NoPower {
            reason: format!("{} is another machine", client.base_url()),
            hint: "run the benchmark on that machine for watts and tok/W",
        };
        return Environment { warnings: vec![warning], ..Environment::default() };
    }
    let root = Sysroot::default();
    let meter = energy_meter_for(&root, on);
    let warning = match &meter {
        Ok(Some(_)) => None,
        Ok(None) => Some((
            "this machine has no energy meter that can be read".to_owned(),
            "`harmonic detect` says what power can be read, `harmonic doctor` what to set",
        )),
        Err(error) => Some((error.to_string(), "`harmonic doctor` says how to allow it")),
    };
    Environment {
        instruments: Telemetry {
            meter: meter.ok().flatten().map(Arc::from),
            sensors: sensors(&root, on).map(Arc::from),
        },
        lines: std::iter::once(build()).chain(environment(&root)).collect(),
        warnings: warning
            .map(|(reason, hint)| Warning::NoPower { reason, hint })
            .into_iter()
            .collect(),
    }
}

fn build() -> String {
    format!("harmonic {} with {}", env!("CARGO_PKG_VERSION"), engines::build(EngineKind::Llama))
}

/// What a curve of engine `index` of `plan` is valid for; `None` without a model file.
pub fn key(plan: &Plan, index: usize, hardware: &Hardware) -> Option<CurveKey> {
    let engine = plan.engines.get(index)?;
    let agents = plan.agents.iter().filter(|agent| engine.agents.contains(&agent.name));
    Some(CurveKey {
        machine: hardware.name.clone(),
        model: engine.model.clone(),
        digest: Some(engine.digest.clone()?),
        format: Some(engine.format.clone()),
        engine: engines::build(engine.spec.kind()),
        context: agents.map(|agent| agent.context).max(),
    })
}

/// The memory bandwidth of a machine at most.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    pub bandwidth: BytesPerSecond,
    /// Bytes that need not come from memory at each step.
    pub cached: Bytes,
}

/// The memory of `hardware`: as probed, or as it is rated where that is known; `None` where neither
/// is.
pub fn memory(hardware: &Hardware, wants_probe: bool, observer: &dyn Observer) -> Option<Memory> {
    if !wants_probe {
        let bandwidth = bandwidth(&hardware.profile)?.rated;
        return Some(Memory { bandwidth, cached: Bytes::ZERO });
    }
    observer.event(Event::ProbeStarted);
    let probed = probe(hardware.cpu_threads());
    let read = probed.as_ref().map(|probed| (probed.read_bandwidth, probed.threads));
    observer.event(Event::ProbeEnded { read });
    let probed = probed?;
    Some(Memory { bandwidth: probed.read_bandwidth, cached: probed.cache })
}

/// The most that `memory` and `prefill` allow a model of `shape` at each level, with `context`
/// tokens in each sequence. Without memory's limit where the weights fit into a cache.
///
/// Arithmetic is taken from the prefill: a token costs the same there, and many at once keep
/// everything busy.
pub fn roofs(
    memory: Option<Memory>,
    prefill: Option<TokensPerSecond>,
    shape: &ModelShape,
    kv_type: KvType,
    levels: &Levels,
    context: Tokens,
) -> BTreeMap<u32, TokensPerSecond> {
    let unlimited = f64::INFINITY;
    let bandwidth = memory
        .filter(|memory| shape.weights_bytes > memory.cached)
        .map_or(BytesPerSecond(unlimited), |memory| memory.bandwidth);
    let weights = WeightCost::of(shape);
    let operations = 2.0 * weights.parameters_active as f64;
    let compute = FlopsPerSecond(prefill.map_or(unlimited, |rate| rate.0 * operations));
    let machine = MachineModel { bandwidth, compute, overhead: Duration::ZERO };
    let kv = KvCost::of(shape, kv_type);
    let at = |level: &u32| (*level, roof(&machine, &weights, &kv, *level, context));
    // A machine without limits has no roof: its step takes no time.
    levels.requested().iter().map(at).filter(|(_, roof)| roof.0 > 0.0).collect()
}

/// Milliseconds since 1970.
pub fn now_unix_ms() -> Option<u64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok()
}
