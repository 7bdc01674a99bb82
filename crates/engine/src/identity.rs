//! What a measurement of an engine is valid for, told by the engine that runs.
//!
//! Does not do: look anything up. A store may hold another file of the same name by now.

use harmonic_types::{EnginePlan, KvLayout, KvType};
use serde::Serialize;

/// What an engine runs. The default says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// sha256 of the model file that it was started with; `None` where that is not known.
    pub digest: Option<String>,
    /// Weight format.
    pub format: String,
    /// Kind and build of the engine (`llama.cpp/sys-0.1.161`).
    pub build: String,
    /// Layout of the KV cache.
    pub kv_layout: KvLayout,
    /// Element type of the KV cache.
    pub kv_type: KvType,
}

impl Identity {
    /// Of an engine of this workspace that is started as planned. One with kernels of another
    /// version says so itself.
    pub fn of(engine: &EnginePlan) -> Self {
        Self {
            digest: engine.digest.clone(),
            format: engine.format.clone(),
            build: format!("{}/{}", engine.spec.kind(), env!("CARGO_PKG_VERSION")),
            kv_layout: engine.local().kv_layout,
            kv_type: engine.local().kv_type,
        }
    }
}
