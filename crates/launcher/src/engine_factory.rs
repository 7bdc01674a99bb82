//! Interfaces that the caller of a deployment implements: the engine factory and the progress
//! observer.

use std::sync::Arc;
use std::time::Duration;

use harmonic_engine::{Engine, EngineError};
use harmonic_types::{Bytes, EnginePlan, Plan};

/// Factory of engines. `app` implements it, the only crate that knows every kind.
pub trait EngineFactory: Send + Sync {
    /// Starts `engine` of `plan`; returns it ready to serve. Called on a thread that may block.
    ///
    /// # Errors
    /// When the engine cannot be started; all its resources must be released then.
    fn start(&self, plan: &Plan, engine: &EnginePlan) -> Result<Arc<dyn Engine>, EngineError>;

    /// Memory that is free now; `None` where it cannot be measured. Checked before an engine is
    /// restarted. Called on a thread that may block.
    fn available(&self) -> Option<Bytes>;
}

/// Observer of a deployment's start.
pub trait Progress: Send + Sync {
    /// `engine`, number `number` (from 1) of `of`, is being started.
    fn starting(&self, engine: &EnginePlan, number: usize, of: usize);
    /// `engine` is ready after `took`.
    fn started(&self, engine: &EnginePlan, took: Duration);
}

/// Observer that ignores everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn starting(&self, _engine: &EnginePlan, _number: usize, _of: usize) {}
    fn started(&self, _engine: &EnginePlan, _took: Duration) {}
}
