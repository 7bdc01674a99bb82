//! The machine under load: meters, description for the record, and roofs.
//!
//! Invariants: meters, sensors and description are used only for a target on this host; a missing
//! energy meter is a warning with the reason.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use harmonic_api::Client;
use harmonic_bench::{Levels, Telemetry, Warning};
use harmonic_hardware::bandwidth_probe::probe;
use harmonic_hardware::profile::bandwidth;
use harmonic_hardware::{
    EngineDevice, OwnProcesses, Sysroot, energy_meter_for, environment, load_meter, sensors,
};
use harmonic_perfmodel::{KvCost, MachineModel, WeightCost, roof};
use harmonic_types::{
    Bytes, BytesPerSecond, CurveKey, EngineKind, FlopsPerSecond, Hardware, KvType, ModelShape,
    Plan, Tokens, TokensPerSecond,
};

use crate::engines;
use crate::event::{Event, Observer};

/// Meters and description of a target's machine.
#[derive(Debug, Default)]
pub struct Environment {
    pub telemetry: Telemetry,
    /// Description for the record, one fact per line.
    pub lines: Vec<String>,
    pub warnings: Vec<Warning>,
}

impl Environment {
    /// The environment of a machine that is simulated on this one: no reading of power, clock or heat
    /// is its own, while the load of other programs delays it.
    #[must_use]
    pub fn simulating(mut self) -> Self {
        (self.telemetry.meter, self.telemetry.sensors) = (None, None);
        if let Some(first) = self.lines.first_mut() {
            *first = build(EngineKind::Sim);
        }
        self.warnings = vec![Warning::NoPower {
            reason: "the machine is simulated".to_owned(),
            hint: "run the benchmark on that machine for watts and tok/W",
        }];
        self
    }

    /// The environment of a team that runs by `plan`, whose engines it names.
    #[must_use]
    pub fn with_engines(mut self, plan: &Plan) -> Self {
        let kinds: BTreeSet<EngineKind> =
            plan.engines.iter().map(|engine| engine.spec.kind()).collect();
        let builds: Vec<String> = kinds.into_iter().map(engines::build).collect();
        if let Some(first) = self.lines.first_mut() {
            *first = with_builds(&builds.join(", "));
        }
        self
    }

    /// Display name of the target's machine, if that is `here`.
    pub fn machine(&self, here: &Hardware) -> Option<String> {
        (!self.lines.is_empty()).then(|| here.name.clone())
    }
}

/// Environment of the machine that serves `client`, whose engines run on `runs_on`, for a measurement
/// by the processes `own`.
pub fn of(client: &Client, runs_on: EngineDevice, own: OwnProcesses) -> Environment {
    if !client.is_local() {
        let warning = Warning::NoPower {
            reason: format!("{} is another machine", client.base_url()),
            hint: "run the benchmark on that machine for watts and tok/W",
        };
        return Environment { warnings: vec![warning], ..Environment::default() };
    }
    let root = Sysroot::default();
    let meter = energy_meter_for(&root, runs_on);
    let warning = match &meter {
        Ok(Some(_)) => None,
        Ok(None) => Some((
            "this machine has no readable energy meter".to_owned(),
            "`harmonic detect` lists the power readings, `harmonic doctor` the settings to change",
        )),
        Err(error) => Some((error.to_string(), "`harmonic doctor` shows how to allow it")),
    };
    Environment {
        telemetry: Telemetry {
            meter: meter.ok().flatten().map(Arc::from),
            sensors: sensors(&root, runs_on).map(Arc::from),
            load: load_meter(&root, own).map(Arc::from),
        },
        lines: std::iter::once(build(EngineKind::Llama)).chain(environment(&root)).collect(),
        warnings: warning
            .map(|(reason, hint)| Warning::NoPower { reason, hint })
            .into_iter()
            .collect(),
    }
}

fn build(kind: EngineKind) -> String {
    with_builds(&engines::build(kind))
}

fn with_builds(builds: &str) -> String {
    format!("harmonic {} with {builds}", env!("CARGO_PKG_VERSION"))
}

/// Key of the curves of engine `index` of `plan`; `None` without a model digest.
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

/// Upper limit of a machine's memory bandwidth.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    pub bandwidth: BytesPerSecond,
    /// Size of the caches, in bytes: weights that fit need no memory bandwidth.
    pub cached: Bytes,
}

/// Memory bandwidth of `hardware`: probed, or else as rated by its profile; `None` where unknown.
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

/// Roof of a model of `shape` at each level, from `memory` and the `prefill` rate, with `context`
/// tokens in each sequence. Memory is no limit where the weights fit into the caches.
///
/// The arithmetic rate is that of the prefill: a token costs the same there, and a large batch
/// keeps all units busy.
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
    // Without any limit there is no roof.
    levels.requested().iter().map(at).filter(|(_, roof)| roof.0 > 0.0).collect()
}

/// Milliseconds since 1970.
pub fn now_unix_ms() -> Option<u64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok()
}
