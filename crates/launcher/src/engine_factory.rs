//! What a deployment needs from outside: somebody who makes engines, and somebody who watches.

use std::sync::Arc;
use std::time::Duration;

use harmonic_engine::{Engine, EngineError};
use harmonic_types::{Bytes, EnginePlan, Plan};

/// Makes engines. The binary implements it, because it alone knows every kind.
pub trait EngineFactory: Send + Sync {
    /// An engine that is ready to serve, as `plan` has it. Called on a thread that may block.
    ///
    /// # Errors
    /// When the engine cannot be made; nothing of it may be left then.
    fn start(&self, plan: &Plan, engine: &EnginePlan) -> Result<Arc<dyn Engine>, EngineError>;

    /// Memory that is free now, asked before an engine that died is started again; `None` where
    /// that cannot be told. Called on a thread that may block.
    fn available(&self) -> Option<Bytes>;
}

/// Hears how a start goes on.
pub trait Progress: Send + Sync {
    /// `engine`, the `number`th of `of`, is being started.
    fn starting(&self, engine: &EnginePlan, number: usize, of: usize);
    /// It is ready.
    fn started(&self, engine: &EnginePlan, took: Duration);
}

/// Hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn starting(&self, _engine: &EnginePlan, _number: usize, _of: usize) {}
    fn started(&self, _engine: &EnginePlan, _took: Duration) {}
}
