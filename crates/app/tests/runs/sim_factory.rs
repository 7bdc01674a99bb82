//! Simulated engines as tests need them: quick ones, and ones that die.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use harmonic_engine::clock::WallClock;
use harmonic_engine::sampling::Samplers;
use harmonic_engine::sim::{CostModel, SimMachine, SimVocabulary};
use harmonic_engine::{
    Allocation, Batch, CacheOp, Engine, EngineError, Local, LocalConfig, Machine, MachineError,
    Outcome,
};
use harmonic_events::EventStream;
use harmonic_launcher::EngineFactory;
use harmonic_models::catalog;
use harmonic_perfmodel::MachineModel;
use harmonic_types::{Bytes, BytesPerSecond, EnginePlan, FlopsPerSecond, KvType, Plan};

/// Factory of simulated engines.
pub struct SimFactory {
    pub events: EventStream,
    /// Queued requests per agent, at most.
    pub queue_limit: u32,
    /// Time of a step.
    pub step: Duration,
    /// Engines that are still to die.
    pub deaths: Arc<AtomicU32>,
    /// Steps with a token after which such an engine dies.
    pub dies_after: u32,
}

impl SimFactory {
    /// Engines as quick as this machine, that do not die.
    pub fn quick(events: EventStream) -> Self {
        let (queue_limit, step, dies_after) = (256, Duration::ZERO, 0);
        Self { events, queue_limit, step, deaths: Arc::default(), dies_after }
    }
}

impl EngineFactory for SimFactory {
    fn start(&self, plan: &Plan, engine: &EnginePlan) -> Result<Arc<dyn Engine>, EngineError> {
        let mut config = LocalConfig::of(plan, engine, engine.local().unwrap());
        config.queue_limit = self.queue_limit;
        config.events = self.events.clone();
        let shape = catalog::find(&engine.model).unwrap().shape;
        let machine = MachineModel {
            bandwidth: BytesPerSecond(1e18),
            compute: FlopsPerSecond(1e21),
            overhead: self.step,
        };
        let costs = CostModel::new(machine, &shape, KvType::F16);
        let (sequences, kv_tokens) = (config.sequences, config.kv_tokens);
        let (layout, deaths) = (config.kv_layout, Arc::clone(&self.deaths));
        let left = self.dies_after;
        let engine = Local::spawn(config, Arc::new(SimVocabulary), move |thread| {
            let inner = SimMachine::new(costs, sequences, kv_tokens).in_layout(layout);
            let machine = MortalMachine { inner, deaths, left };
            thread.drive(machine, &mut WallClock::default())
        })?;
        Ok(Arc::new(engine))
    }

    fn available(&self) -> Option<Bytes> {
        None
    }
}

/// Machine that panics after a number of steps, as often as is said.
struct MortalMachine {
    inner: SimMachine,
    deaths: Arc<AtomicU32>,
    left: u32,
}

impl Machine for MortalMachine {
    fn allocation(&self) -> Allocation {
        self.inner.allocation()
    }

    fn supports_partial_removal(&self) -> bool {
        self.inner.supports_partial_removal()
    }

    fn cache(&mut self, op: &CacheOp) -> Result<Bytes, MachineError> {
        self.inner.cache(op)
    }

    fn run(&mut self, batch: &Batch, samplers: &mut Samplers) -> Result<Outcome, MachineError> {
        // Not while the prompts of the agents are computed in advance: somebody waits for a token.
        if batch.sampling_rows().next().is_some() {
            self.left = self.left.saturating_sub(1);
        }
        let one_less = |deaths: u32| deaths.checked_sub(1);
        let dies = self.left == 0
            && self.deaths.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok();
        assert!(!dies, "the machine is made to panic");
        self.inner.run(batch, samplers)
    }
}
