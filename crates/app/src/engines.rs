//! Engine kinds of this build.
//!
//! Owns: starting a planned engine by its kind, and llama.cpp as the converter of the model store.

mod abilities;
mod build;
mod converter;
mod http_config;
mod in_process;
mod ollama_models;
mod private_folder;
mod process;
mod process_engine;
mod processes;
mod remote;

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use harmonic_engine::constraint::FormTrial;
use harmonic_engine::{Engine, EngineError, LocalConfig, SharedDevice, shared_device};
use harmonic_events::EventStream;
use harmonic_launcher::EngineFactory;
use harmonic_types::{Bytes, EnginePlan, EngineSpec, Finding, LocalSpec, Plan};
use tokio::runtime::Handle;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use self::build::{build, is_build, is_simulated};
pub use self::converter::LlamaConverter;
pub(crate) use self::in_process::simulated_profile;
pub use self::processes::EngineProcesses;
use crate::inspect;

/// Factory of the engines of one plan, of every kind.
#[derive(Clone, Debug)]
pub struct PlanEngineFactory {
    device: Option<SharedDevice>,
    /// Queued requests per agent, at most.
    queue_limit: u32,
    form_trial: Option<FormTrial>,
    processes: EngineProcesses,
    events: EventStream,
    /// Cancelled when the team is given up: a start that waits for another process ends.
    stop: CancellationToken,
    /// Warnings of starts that are not told yet.
    findings: Arc<Mutex<Vec<Finding>>>,
}

impl PlanEngineFactory {
    /// Factory for the engines of `plan`, which share a device: at most `queue_limit` requests wait
    /// for each agent, `form_trial` tries costly forms of answers, `processes` says how programs of
    /// others are started, and engines publish to `events`.
    pub fn of(
        plan: &Plan,
        queue_limit: u32,
        form_trial: Option<FormTrial>,
        processes: EngineProcesses,
        events: EventStream,
    ) -> Self {
        let device = shared_device(plan);
        let stop = CancellationToken::new();
        let findings = Arc::default();
        Self { device, queue_limit, form_trial, processes, events, stop, findings }
    }

    /// Guard that ends starts under way when it is dropped.
    pub fn stop_guard(&self) -> DropGuard {
        self.stop.clone().drop_guard()
    }

    /// Takes the warnings of starts.
    pub fn take_findings(&self) -> Vec<Finding> {
        std::mem::take(&mut *self.findings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn warn(&self, finding: Finding) {
        tracing::warn!(code = finding.code, hint = finding.hint, "{}", finding.message);
        let mut findings = self.findings.lock().unwrap_or_else(PoisonError::into_inner);
        // A start again warns of the same.
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }

    /// Configuration of `engine`, which computes in this process.
    fn local_config(&self, plan: &Plan, engine: &EnginePlan, local: &LocalSpec) -> LocalConfig {
        let mut config = LocalConfig::of(plan, engine, local);
        config.queue_limit = self.queue_limit;
        config.form_trial.clone_from(&self.form_trial);
        config.events = self.events.clone();
        let index = plan.engines.iter().position(|other| other.id == engine.id);
        config.device = self.device.as_ref().zip(index).map(|(device, index)| device.handle(index));
        config
    }

    /// Waits for a start that waits for another process.
    fn wait(
        &self,
        engine: &EnginePlan,
        start: impl Future<Output = Result<Arc<dyn Engine>, EngineError>>,
    ) -> Result<Arc<dyn Engine>, EngineError> {
        let stopped = || EngineError::Setup {
            id: engine.id.clone(),
            reason: "its start was given up".to_owned(),
        };
        Handle::current().block_on(async {
            self.stop.run_until_cancelled(start).await.unwrap_or_else(|| Err(stopped()))
        })
    }
}

impl EngineFactory for PlanEngineFactory {
    fn start(&self, plan: &Plan, engine: &EnginePlan) -> Result<Arc<dyn Engine>, EngineError> {
        match &engine.spec {
            EngineSpec::Llama(llama) => {
                in_process::llama(engine, llama, self.local_config(plan, engine, &llama.local))
            }
            EngineSpec::Sim(local) => {
                let config = self.local_config(plan, engine, local);
                in_process::simulated(plan, engine, local, config)
            }
            EngineSpec::Process(process) => {
                self.wait(engine, process::start(self, plan, engine, process))
            }
            EngineSpec::Remote(remote) => {
                self.wait(engine, remote::start(self, plan, engine, remote))
            }
        }
    }

    fn available(&self) -> Option<Bytes> {
        inspect::hardware().ok().map(|hardware| hardware.memory_available_bytes)
    }
}
