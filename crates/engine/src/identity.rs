//! What an engine runs, told by the engine itself: what a measurement of it is valid for.
//!
//! Invariant: as it was started, which may differ from what was planned; absent is what the engine
//! cannot know.
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
    pub format: Option<String>,
    /// Kind and build of the engine (`llama.cpp/sys-0.1.161`).
    pub build: Option<String>,
    /// Layout of the KV cache.
    pub kv_layout: Option<KvLayout>,
    /// Element type of the KV cache.
    pub kv_type: Option<KvType>,
}

impl Identity {
    /// Of an engine of this workspace that is started as planned. One with kernels of another
    /// version says so itself.
    pub fn of(engine: &EnginePlan) -> Self {
        Self {
            digest: engine.digest.clone(),
            format: Some(engine.format.clone()),
            build: Some(format!("{}/{}", engine.spec.kind(), env!("CARGO_PKG_VERSION"))),
            kv_layout: Some(engine.local().kv_layout),
            kv_type: Some(engine.local().kv_type),
        }
    }

    /// The same with weights in the `format` that the file has now. Where the plan has another one,
    /// the file has been replaced since, and nobody knows the digest of the new one.
    #[must_use]
    pub fn with_format(self, format: String) -> Self {
        let planned = self.format.as_ref() == Some(&format);
        Self { digest: self.digest.filter(|_| planned), format: Some(format), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_format_than_planned_has_an_unknown_digest() {
        let planned = Identity {
            digest: Some("b179".to_owned()),
            format: Some("F16".to_owned()),
            ..Identity::default()
        };
        assert_eq!(planned.clone().with_format("F16".to_owned()), planned);
        let replaced = planned.with_format("Q8_0".to_owned());
        assert_eq!((replaced.digest, replaced.format.as_deref()), (None, Some("Q8_0")));
    }
}
