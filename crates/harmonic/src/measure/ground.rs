//! What is known of the machine and the models under a load.
//!
//! Invariants: meters, sensors and environment are those of a target on this host, and of no other;
//! where there is no meter, a warning says why.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use harmonic_api::Client;
use harmonic_bench::{Instruments, Levels, Load, Warning};
use harmonic_hardware::probe::{Probed, probe};
use harmonic_hardware::profile::bandwidth;
use harmonic_hardware::{RunsOn, Sysroot, energy_meter_for, environment, sensors};
use harmonic_laws::{KvCost, MachineModel, WeightCost, roof};
use harmonic_types::{
    Bytes, CurveKey, FlopsPerSecond, Hardware, KvType, ModelShape, Plan, Tokens, TokensPerSecond,
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
        Ok(None) => Some(("this machine has no energy meter that can be read".to_owned(), "`harmonic detect` says what power can be read, `harmonic doctor` what to set")),
        Err(error) => Some((error.to_string(), "`harmonic doctor` says how to allow it")),
    };
    Ground {
        instruments: Instruments {
            meter: meter.ok().flatten().map(Arc::from),
            sensors: sensors::sensors(&root, on).map(Arc::from),
        },
        environment: std::iter::once(build()).chain(environment::environment(&root)).collect(),
        warnings: warning
            .map(|(reason, hint)| Warning::NoPower { reason, hint })
            .into_iter()
            .collect(),
    }
}

fn build() -> String {
    format!("harmonic {} with {}", env!("CARGO_PKG_VERSION"), engines::build("llama"))
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
        engine: engines::build(&engine.kind),
        context: agents.map(|agent| agent.context).max(),
    })
}

/// Memory bandwidth and arithmetic of a machine at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub machine: MachineModel,
    /// Bytes that need not come from memory at each step.
    pub cached: Bytes,
}

/// The limits of `hardware`: as probed, or as its memory is rated where that is known.
pub fn limits(hardware: &Hardware, wants_probe: bool, printer: &Printer) -> Option<Limits> {
    let (bandwidth, compute, cached) = if wants_probe {
        let Probed { read_bandwidth, compute, cache, .. } = probed(hardware, printer);
        (read_bandwidth, compute, cache)
    } else {
        (bandwidth(&hardware.profile)?.rated, None, Bytes::ZERO)
    };
    let compute = compute.unwrap_or(FlopsPerSecond(f64::INFINITY));
    let machine = MachineModel { bandwidth, compute, overhead: std::time::Duration::ZERO };
    Some(Limits { machine, cached })
}

fn probed(hardware: &Hardware, printer: &Printer) -> Probed {
    let bar = printer.is_live().then(|| {
        progress::spinner("measuring what memory and arithmetic of this machine can do".to_owned())
    });
    let probed = probe(hardware.cpu_threads());
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let arithmetic = probed
        .compute
        .map_or_else(String::new, |compute| format!(", {:.0} GFLOP/s", compute.0 / 1e9));
    printer.say(&format!(
        "probed with {} threads: reads {:.1} GB/s{arithmetic}",
        probed.threads,
        probed.read_bandwidth.0 / 1e9
    ));
    probed
}

/// The most that `limits` allow a model of `shape` at each level, with `context` tokens in each
/// sequence. None where the weights fit into a cache: then memory is no limit.
pub fn roofs(
    limits: &Limits,
    shape: &ModelShape,
    kv_type: KvType,
    levels: &Levels,
    context: Tokens,
) -> BTreeMap<u32, TokensPerSecond> {
    if shape.weights_bytes <= limits.cached {
        return BTreeMap::new();
    }
    let (weights, kv) = (WeightCost::of(shape), KvCost::of(shape, kv_type));
    let at = |level: u32| (level, roof(&limits.machine, &weights, &kv, level, context));
    levels.as_asked().iter().map(|level| at(*level)).filter(|(_, roof)| roof.0 > 0.0).collect()
}

/// `loads` with what is known of the models behind them.
pub fn describe(loads: &mut [Load], plan: &Plan, asked: &[super::loads::Asked], hardware: &Hardware) {
    for (load, asked) in loads.iter_mut().zip(asked) {
        load.key = key(plan, asked.engine, hardware);
    }
}

/// Milliseconds since 1970.
pub fn now_unix_ms() -> Option<u64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok()
}
