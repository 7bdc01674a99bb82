//! Plan entry of one engine, with the fields of its kind.

use harmonic_types::{
    EngineChoice, EnginePlan, EngineSpec, LlamaSpec, LocalSpec, PlanTuned, ProcessChoice,
    ProcessSpec, RemoteSpec,
};

use super::{Draft, PlacedEngine, tokens};
use crate::plan::embeds;
use crate::runtime::Runtime;
use crate::threads::{ThreadDemand, of_engines};

impl Draft<'_> {
    /// Threads of each engine; `None` for one whose processors are not this machine's.
    pub(super) fn threads<'a>(
        &self,
        engines: impl Iterator<Item = &'a PlacedEngine<'a>> + Clone,
        tuned: &[PlanTuned],
    ) -> Vec<Option<u32>> {
        let measured = |engine: &PlacedEngine<'_>| {
            let config = tuned.iter().find(|config| config.model == engine.model.name)?;
            Some(config.threads?.engine).filter(|_| engine.is_in_process())
        };
        let is_here = |engine: &&PlacedEngine<'_>| engine.cost.runtime() != Runtime::Elsewhere;
        let wanted: Vec<ThreadDemand> = engines
            .clone()
            .filter(is_here)
            .map(|engine| ThreadDemand {
                most: measured(engine),
                computes_embeddings: embeds(engine.model),
            })
            .collect();
        let mut threads = of_engines(self.hardware.cpu_threads(), &wanted).into_iter();
        engines.map(|engine| is_here(&engine).then(|| threads.next()).flatten()).collect()
    }

    pub(super) fn engine_plan(
        &self,
        engine: &PlacedEngine<'_>,
        threads: Option<u32>,
    ) -> EnginePlan {
        let PlacedEngine { id, model, footprint, agents, slots, choice, .. } = engine;
        let context_trained =
            (model.shape.context_trained.0 > 0).then_some(model.shape.context_trained);
        let here = EnginePlan {
            id: id.clone(),
            spec: engine_spec(engine, threads.unwrap_or(1)),
            device: self.device.id.clone(),
            model: model.name.clone(),
            digest: model.digest.clone(),
            format: model.shape.format.clone(),
            context_trained,
            agents: agents.clone(),
            slots: *slots,
            sequences: footprint.sequences,
            weights_bytes: footprint.weights,
            kv_bytes: footprint.kv,
            state_bytes: footprint.state,
            prefix_bytes: footprint.prefix,
            preempt_bytes: footprint.preempt,
            compute_bytes: footprint.compute,
            overhead_bytes: footprint.overhead,
            total_bytes: footprint.total(),
        };
        match choice {
            // What the server has may differ from the file of this name.
            EngineChoice::Remote(_) => EnginePlan {
                device: EnginePlan::REMOTE_DEVICE.to_owned(),
                digest: None,
                format: EnginePlan::UNKNOWN_FORMAT.to_owned(),
                context_trained: None,
                ..here
            },
            EngineChoice::Llama | EngineChoice::Sim | EngineChoice::Process(_) => here,
        }
    }
}

fn engine_spec(engine: &PlacedEngine<'_>, threads: u32) -> EngineSpec {
    let PlacedEngine { model, footprint, cost, choice, .. } = engine;
    let local = || LocalSpec {
        path: model.path.clone(),
        threads,
        kv_layout: footprint.layout,
        kv_type: cost.kv_type(),
        kv_tokens: footprint.kv_tokens,
        pooling: model.shape.pooling,
    };
    match choice {
        EngineChoice::Llama => {
            EngineSpec::Llama(LlamaSpec { local: local(), attention: footprint.attention })
        }
        EngineChoice::Sim => EngineSpec::Sim(local()),
        EngineChoice::Process(ProcessChoice { program, executable }) => {
            EngineSpec::Process(ProcessSpec {
                program: *program,
                executable: executable.clone(),
                path: model.path.clone(),
                threads,
                context: tokens(footprint.cells()),
                kv_type: cost.kv_type(),
                attention: footprint.attention,
            })
        }
        EngineChoice::Remote(remote) => EngineSpec::Remote(RemoteSpec {
            url: remote.url.to_string(),
            dialect: remote.dialect,
            key_env: remote.key_env.clone(),
            model: remote.model.clone().unwrap_or_else(|| model.name.clone()),
            context: remote.context,
            leaves_machine: remote.url.leaves_machine(),
        }),
    }
}
