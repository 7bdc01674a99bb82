//! What is known of the machine and the models under a load.
//!
//! Invariants: meters, sensors and environment are those of a target on this host, and of no other;
//! where there is no meter, a warning says why.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use harmonic_api::Client;
use harmonic_bench::{Instruments, Levels, Warning};
use harmonic_hardware::probe::probe;
use harmonic_hardware::profile::bandwidth;
use harmonic_hardware::{RunsOn, Sysroot, energy_meter_for, environment, sensors};
use harmonic_laws::{KvCost, MachineModel, WeightCost, roof};
use harmonic_types::{
    Bytes, BytesPerSecond, CurveKey, EngineKind, FlopsPerSecond, Hardware, KvType, ModelShape,
    Plan, Tokens, TokensPerSecond,
};

use crate::engines;
use crate::printer::Printer;
use crate::progress;

/// The machine of a target: its meters, and what is written down of it.
#[derive(Debug, Default)]
pub struct Ground {
    pub instruments: Instruments,
    pub environment: Vec<String>,
    pub warnings: Vec<Warning>,
}

/// What can be read of the machine that serves `client`; `on` is what its engines run on.
pub fn of(client: &Client, on: RunsOn) -> Ground {
    if !client.is_local() {
        let warning = Warning::NoPower {
            reason: format!("{} is another machine", client.base_url()),
            hint: "run the benchmark on that machine for watts and tok/W",
        };
        return Ground { warnings: vec![warning], ..Ground::default() };
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
    Ground {
        instruments: Instruments {
            meter: meter.ok().flatten().map(Arc::from),
            sensors: sensors(&root, on).map(Arc::from),
        },
        environment: std::iter::once(build()).chain(environment(&root)).collect(),
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
pub fn memory(hardware: &Hardware, wants_probe: bool, printer: &Printer) -> Option<Memory> {
    if !wants_probe {
        let bandwidth = bandwidth(&hardware.profile)?.rated;
        return Some(Memory { bandwidth, cached: Bytes::ZERO });
    }
    let bar = printer
        .is_live()
        .then(|| progress::spinner("measuring how fast this machine's memory is read".to_owned()));
    let probed = probe(hardware.cpu_threads());
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let Some(probed) = probed else {
        printer.say("too little memory is free to measure how fast it is read: no roof of it");
        return None;
    };
    let gb_s = probed.read_bandwidth.0 / 1e9;
    printer.say(&format!("memory is read at {gb_s:.1} GB/s by {} threads", probed.threads));
    Some(Memory { bandwidth: probed.read_bandwidth, cached: probed.cache })
}

/// The most that `memory` and `prefill` allow a model of `shape` at each level, with `context` tokens
/// in each sequence. Without memory's limit where the weights fit into a cache.
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
    levels.as_asked().iter().map(at).filter(|(_, roof)| roof.0 > 0.0).collect()
}

/// Milliseconds since 1970.
pub fn now_unix_ms() -> Option<u64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok()
}
